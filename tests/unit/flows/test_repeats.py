"""What becomes of calls of unknown outcome is told once a step, by what its connection declares."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Guarantee
from services.flows.explain.outline import outline
from services.flows.explain.text import as_text
from services.flows.idempotency import IdempotencyKey
from services.flows.load import FlowSource, load_text
from services.flows.repeats import Declared, notes
from services.project.catalogue import catalogue

KNOWN = catalogue()
DAY = IdempotencyKey()


def flow(step: str) -> FlowSource:
    """A flow with this step, twice: in its list, and inside of another."""
    text = (
        f"flow: f\non: closum.lead.created\nsteps:\n- {step}\n- if: ${{ trigger.email != '' }}\n  then:\n  - {step}\n"
    )
    (source,), faults = load_text(text)
    assert not faults, faults
    return source


def call(given: str, connection: str | None = "crm", more: str = "") -> str:
    where = "" if connection is None else f", connection: {connection}"
    return f"{{ action: http.request{where}, with: {{ method: POST, url: /x, {given} }}{more} }}"


@pytest.mark.parametrize(
    ("step", "declared", "told"),
    [
        (call("json: {}"), {"crm": None}, "`idempotency: { header: Idempotency-Key, for: 24h }`"),
        (call("json: {}"), {}, "declares no `idempotency`"),
        (call("json: {}"), None, "--connections FILE"),
        (call("json: {}", connection=None), {"crm": DAY}, "nobody says"),
        (call("json: {}, verify: { url: /x }"), {"crm": None}, ""),
        (call("repeat: never"), {"crm": None}, ""),
        (call("repeat: always"), {"crm": None}, ""),
        (call("repeat: keyed"), {"crm": None}, ""),
        (call("json: {}"), {"crm": DAY}, ""),
        ("{ action: http.request, connection: crm, with: { method: PUT, url: /x } }", {"crm": None}, ""),
        ("{ action: http.request, connection: crm, with: { method: '${ trigger.name }', url: /x } }", {}, ""),
        ("{ action: closum.sms.check_credits, connection: closum }", {}, ""),
        ("{ action: closum.sms.send, connection: closum }", {}, ""),
        ("{ action: no.such, connection: closum }", {}, ""),
    ],
)
def test_a_step_that_nobody_says_more_of_has_a_note(step: str, declared: Declared | None, told: str) -> None:
    """One a step, with what to do; none where the flow, the connection or the action itself says it."""
    found = notes([flow(step)], KNOWN, declared)
    assert len(found) == (2 if told else 0)
    for note in found:
        assert (note.code, note.severity) == ("repeat_undeclared", "note")
        assert str(note).split(": ")[1] == "note[repeat_undeclared]"
        assert told in note.text
        assert "a person" in note.text


@pytest.mark.parametrize(
    ("step", "declared", "told"),
    [
        (call("json: {}"), {"crm": None}, "not made again: a person decides (`flows unknown list`)"),
        (call("json: {}"), {"crm": DAY}, "made again under the same Idempotency-Key, which protects for 1d"),
        (call("json: {}"), {"crm": IdempotencyKey("X-Key", 3600)}, "under the same X-Key, which protects for 1h"),
        (call("json: {}"), None, "unless the connection 'crm' declares `idempotency`"),
        (call("json: {}", connection=None), None, "not made again: a person decides (`flows unknown list`)"),
        (call("json: {}, verify: { url: /x }"), {}, "not made again: its destination is asked by `verify`"),
        (call("repeat: keyed"), {}, "made again under the same Idempotency-Key"),
        (call("repeat: always"), {}, "made again, as a second call changes nothing more"),
        ("{ action: closum.sms.check_credits, connection: closum }", {}, "as a second call changes nothing more"),
        ("{ action: closum.sms.send, connection: closum }", {}, "not made again: a person decides"),
    ],
)
def test_explain_tells_what_becomes_of_it(step: str, declared: Declared | None, told: str) -> None:
    """By the rule that the worker goes by."""
    lines = as_text(outline(flow(step).flow, KNOWN, declared)).splitlines()
    (first, second) = [line for line in lines if "of unknown outcome, it is " in line]
    assert first.strip() == second.strip()
    assert told in first


def test_a_mistake_of_ours_is_told_by_the_check_alone() -> None:
    """Not by a stack trace here."""

    class Broken(BaseInputs):
        """Inputs whose rule fails."""

        @override
        def guarantee(self, honoured: IdempotencyKey | None) -> Guarantee | None:
            """Fails."""
            raise KeyError(honoured)

    action = replace(KNOWN.actions["http.request"], inputs=Broken)
    known = replace(KNOWN, actions={"http.request": action})
    assert notes([flow(call("json: {}"))], known, None) == []
    assert "of unknown outcome" not in as_text(outline(flow(call("json: {}")).flow, known))
