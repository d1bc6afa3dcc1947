"""All flows of a seed, each with a trigger, a connection and events of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts.triggers.registry import TRIGGERS
from services.flows.catalogue import Catalogue
from services.flows.load import FlowSource
from services.project.catalogue import catalogue
from tests.parity.author import Author
from tests.parity.events import Sent, Shape, built_in, events, shape

REPLY = {
    "type": "object",
    "required": ["id", "ref"],
    "properties": {n: {"type": "string"} for n in ("id", "ref", "text")},
}
SOURCES = "sources.yaml"
TOKEN = "PARITY_TOKEN"
MOST_STEPS = 6


@dataclass(frozen=True, slots=True)
class Played:
    """A flow with what is sent to it."""

    source: FlowSource
    sent: Sequence[Sent]

    def trigger(self, sent: Sent) -> str:
        """Of one of its events."""
        return f"webhook.{self.name}-reply" if sent.reply else self.source.flow.triggers[0].text

    @property
    def name(self) -> str:
        """Of the flow, its source and its connection; that of its replies has `-reply` behind it."""
        return self.source.name


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one seed makes. Its files stand in the folder."""

    seed: int
    folder: Path
    known: Catalogue
    flows: Sequence[Played]


def scenario(seed: int, folder: Path, *, flows: int, events_each: int) -> Scenario:
    """The same for the same seed and numbers, on the same code. Writes sources and flows into the folder."""
    chance = random.Random(seed)
    shapes = {f"p{number}": shape(chance) for number in range(flows)}
    # A trigger of the product is known everywhere: one flow begins with it.
    ours = chance.sample(sorted(TRIGGERS), min(len(TRIGGERS), flows // 6))
    shapes |= {f"p{number * 6}": built_in(name) for number, name in enumerate(ours)}
    sources: dict[str, Any] = {}
    for name, made in shapes.items():
        hook = {"trigger": made.built_in, "token": {"env": TOKEN}}
        sources[name] = hook if made.built_in else _source(made.schema(), "/who")
        sources[f"{name}-reply"] = _source(REPLY, "/ref")
    place = folder / "flows"
    place.mkdir()
    (place / SOURCES).write_text(json.dumps({"sources": sources}))
    known = catalogue([place])
    played = [_flow(random.Random(f"{seed} {name}"), name, made, known, events_each) for name, made in shapes.items()]
    for one in played:
        (place / f"{one.name}.yaml").write_text(one.source.text)
    return Scenario(seed, folder, known, played)


def _flow(chance: random.Random, name: str, made: Shape, known: Catalogue, events_each: int) -> Played:
    source = Author(chance, name, made, known).flow(chance.randint(2, MOST_STEPS))
    waits = f"webhook.{name}-reply" in source.text
    return Played(source, events(chance, made, events_each, replies=waits))


def _source(schema: dict[str, Any], subject: str) -> dict[str, Any]:
    return {"schema": schema, "id": "/id", "subject": subject, "token": {"env": TOKEN}}


def shown(source: FlowSource) -> str:
    """The flow's text, as people read it."""
    return yaml.safe_dump(yaml.safe_load(source.text), sort_keys=False, allow_unicode=True, width=140)
