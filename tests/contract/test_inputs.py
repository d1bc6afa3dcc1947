"""What inputs say of themselves can be asked of every tool and action, whatever of them is known and however wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.flows.catalogue import Action, Tool
from services.flows.input_rules import broken_rules, changes, guarantee_of, misplaced, possible, verifiable
from services.flows.unknown import UNKNOWN
from services.project.catalogue import catalogue

KNOWN = catalogue()
ENTRIES: dict[str, Tool | Action] = {**KNOWN.tools, **KNOWN.actions}
TEXTS = ("x", "", "a[", "(")
WRONG: tuple[Any, ...] = (UNKNOWN, None, True, 7, *TEXTS, [], [UNKNOWN], {}, {"x": UNKNOWN}, {"csv": "a.csv"})


def unknown_in(value: object) -> Iterator[object]:
    """The value with each part of it in turn unknown."""
    yield UNKNOWN
    if isinstance(value, dict):
        yield from ({**value, key: inner} for key in value for inner in unknown_in(value[key]))
    elif isinstance(value, list):
        yield from (
            [*value[:at], inner, *value[at + 1 :]] for at in range(len(value)) for inner in unknown_in(value[at])
        )


def given_to(entry: Tool | Action) -> Iterator[dict[str, Any]]:
    """No inputs, each example's, and those with each input unknown, unknown in part, missing, or of another kind."""
    yield {}
    for example in entry.examples:
        inputs = dict(example.inputs)
        yield inputs
        yield dict.fromkeys(inputs, UNKNOWN)
        for name, value in inputs.items():
            yield {other: inner for other, inner in inputs.items() if other != name}
            yield from ({**inputs, name: part} for part in unknown_in(value))
        for name, info in entry.inputs.model_fields.items():
            yield from ({**inputs, info.alias or name: value} for value in WRONG)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_no_rule_trips(entry: Tool | Action) -> None:
    """It refuses with a text, or says nothing where it depends on what is not known: never an InputsBugError."""
    for given in given_to(entry):
        assert all(isinstance(text, str) and text for text in broken_rules(entry.inputs, given))
        for output in entry.outputs.model_fields:
            possible(entry.inputs, given, output)
        if isinstance(entry, Action):
            guarantee_of(entry, given, None)
            verifiable(entry, given)
            changes(entry, given)
            for connection in (None, "crm"):
                misplaced(entry, given, connection)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_no_rule_refuses_an_example(entry: Tool | Action) -> None:
    """What is shown is right."""
    for example in entry.examples:
        assert broken_rules(entry.inputs, dict(example.inputs)) == []
