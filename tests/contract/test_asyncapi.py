"""The AsyncAPI document is AsyncAPI 3, leads everywhere that it points, and knows every topic and trigger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs

from contracts.events import Event, partition_key
from contracts.topics import ALL
from contracts.triggers.registry import TRIGGERS
from services.cli.generate import files

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / files.SCHEMAS


def document() -> dict[str, Any]:
    """As it is committed."""
    made: dict[str, Any] = json.loads((SCHEMAS / "asyncapi.json").read_text())
    return made


def validator() -> jsonschema_rs.Validator:
    """The publisher's own schema."""
    schema = json.loads((ROOT / "tests/data/asyncapi-3.0.0.json").read_text())
    return jsonschema_rs.validator_for(schema)


def test_it_is_asyncapi() -> None:
    """By the publisher's schema, which refuses what is none."""
    assert [str(error)[:300] for error in validator().iter_errors(document())] == []
    wrong = document()
    wrong["channels"]["events"]["adress"] = "x"
    assert not validator().is_valid(wrong)


def references(node: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere() -> None:
    """Inside of the document, and to the schemas beside it."""
    made = document()
    for reference in references(made):
        if reference.startswith("#/"):
            node = made
            for step in reference[2:].split("/"):
                node = node[step]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_every_topic_and_trigger_is_in_it() -> None:
    """With who writes and who reads."""
    made = document()
    assert {channel["address"] for channel in made["channels"].values()} == {f"closum.{topic.name}" for topic in ALL}
    assert made["components"]["schemas"].keys() == {f"trigger_{name}" for name in TRIGGERS}
    assert len(made["operations"]) == sum(len(topic.producers) + len(topic.consumers) for topic in ALL)


def test_the_key_that_it_tells_is_the_key_that_events_have() -> None:
    """Otherwise other teams' events would lose their order."""
    key = document()["components"]["messages"]["event"]["bindings"]["kafka"]["key"]
    example = document()["components"]["messages"]["event"]["examples"][0]["payload"]
    assert Event.model_validate(example).key.decode() in key["examples"]
    assert partition_key("default", "351912345678").decode() in key["examples"]
