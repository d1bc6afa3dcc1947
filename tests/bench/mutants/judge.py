"""What becomes of a mistake: caught by the checker, dead or provably wrong when it runs, or a legal flow."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events import Event
from contracts.triggers.payload import Payload
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import FlowSource, load_paths, load_text
from services.flows.lookup_tables import beside
from services.flows.testing.events import events_of
from services.flows.testing.load import read_suite
from services.flows.testing.story import Story
from services.project.catalogue import catalogue
from services.runtime.documents.faults import Fault
from tests.bench.mutants.documents import Document, read, written
from tests.bench.mutants.mistakes import Mistake, all_of
from tests.support.played import deaths, event, perform, refused, stories
from tests.support.schema_values import values

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
LEGAL = Path(__file__).with_name("legal.toml")
CONNECTIONS = ("closum", "companies", "crm", "slack")
EVENTS = 60
Scene = Sequence[Event]


class Verdict(Enum):
    """What a mistake came to."""

    CAUGHT = "caught"
    DIES = "dies"
    NEVER = "never calls"  # what the flow that is right calls for some event, this one calls for none
    LEGAL = "legal"


@dataclass(frozen=True)
class Judgement:
    """A mistake with what came of it, and why: a fault's text, a death, or a run that ended well."""

    mistake: Mistake
    verdict: Verdict
    why: str


@dataclass
class Judge:
    """Judges mistakes, each flow with the same events."""

    seed: int = 1
    _scenes: dict[str, list[Scene]] = field(default_factory=dict)

    def judge(self, mistake: Mistake) -> Judgement:
        """What becomes of it."""
        document = mistake.document
        source, faults = checked(document, written(mistake.data))
        if faults or source is None:
            return Judgement(mistake, Verdict.CAUGHT, str(faults[0]))
        ends: list[Story] = []
        for told in self._played(source, document):
            if died := deaths(told):
                return Judgement(mistake, Verdict.DIES, died[0])
            ends += told
        well = max(ends, key=lambda story: len(story.calls))
        if not well.calls:
            return Judgement(mistake, Verdict.NEVER, "no event makes it call anything")
        return Judgement(mistake, Verdict.LEGAL, f"{dict(well.event.data)}: {well.outcome}, {len(well.calls)} calls")

    def _played(self, source: FlowSource, document: Document) -> Iterable[list[Story]]:
        flow = compile_flow(source, document.catalogue.tools)
        for scene in self._given(document):
            yield stories(flow, scene, perform)
            yield stories(flow, scene, refused)

    def _given(self, document: Document) -> list[Scene]:
        """Events that the trigger's type allows; its example is one of them. And those of the cases beside the flow."""
        if document.name not in self._scenes:
            drawn = [
                [event(trigger, payload)]
                for trigger in document.triggers
                for payload in payloads(document, trigger, self.seed)
            ]
            self._scenes[document.name] = [*cases(document), *drawn]
        return self._scenes[document.name]


def checked(document: Document, text: str) -> tuple[FlowSource | None, list[Fault]]:
    """A flow's text, as the checker sees it where the flow stands."""
    sources, faults = load_text(text, str(document.file), beside(document.file))
    faults += check(sources, document.catalogue, CONNECTIONS)
    return (sources[0] if sources else None), faults


def payloads(document: Document, trigger: str, number: int) -> list[Payload]:
    """What senders send, drawn by chance; what ingest refuses is none."""
    model = document.catalogue.triggers[trigger]
    assert issubclass(model, Payload)
    example: dict[str, Any] = dict(model.example)
    fields = values(model.model_json_schema(by_alias=True))
    found: list[Payload] = []

    @seed(number)
    @settings(max_examples=EVENTS, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(fields | fields.map(lambda body: {**example, **dict(list(body.items())[:2])}) | st.just(example))
    def draw(body: dict[str, Any]) -> None:
        try:
            found.append(model.read(body))
        except ValidationError:
            return

    draw()
    return found


def cases(document: Document) -> list[Scene]:
    """The events of the cases beside a flow."""
    file = document.file.with_suffix(".test.yaml")
    suite, faults = read_suite(file.read_text(encoding="utf-8"), str(file))
    assert suite is not None, faults
    known = document.catalogue.triggers
    return [[each for _, each in events_of(case, document.triggers, known)] for case in suite.suite.cases]


def documents() -> list[Document]:
    """The flows of examples/."""
    known = catalogue([EXAMPLES])
    return [read(Path(source.file), known) for source in load_paths([EXAMPLES])[0]]


def mistakes(flows: Sequence[Document]) -> list[Mistake]:
    """All mistakes in these flows."""
    return [mistake for each in flows for mistake in all_of(each)]


def legal() -> dict[str, str]:
    """The mistakes that are legal flows, each with the reason."""
    found: dict[str, str] = tomllib.loads(LEGAL.read_text(encoding="utf-8"))["legal"]
    return found
