"""Conditions that are always true or always false, and those that only look so."""

from __future__ import annotations

import pytest

from services.flows.check import check
from services.flows.load import load_text
from tests.support.flows import CATALOGUE, faults_of, flow_text, texts_of

STOP = "\n  then: [ { stop: a } ]\n"


def when(condition: str) -> str:
    """One step that asks this."""
    return f"- if: '${{ {condition} }}'{STOP}".replace("''", '"')


# What is never both: the location is that of the expression.
CONSTANT = {
    "numbers": "1 > 2",
    "true": "true",
    "a condition or its opposite": "trigger.paid || !trigger.paid",
    "a condition and its opposite": "trigger.paid && !trigger.paid",
    "compared with true and false": "trigger.paid == true && trigger.paid == false",
    "a value with itself": "trigger.id == trigger.id",
    "a range that is empty": "trigger.total > 5.0 && trigger.total < 3.0",
    "a range that is everything": "trigger.total > 3.0 || trigger.total <= 5.0",
    "no whole number between": "trigger.lines.size() > 1 && trigger.lines.size() < 2",
    "a size below nothing": "trigger.lines.size() < 0",
    "a size of at least nothing": "size(trigger.tags) >= 0",
    "not this or not that": 'trigger.id != "a" || trigger.id != "b"',
    "this and that": 'trigger.id == "a" && trigger.id == "b"',
    "in a list and another": 'trigger.id in ["a", "b"] && trigger.id == "c"',
    "in an empty list": "trigger.id in []",
    "turned around": '"a" == trigger.id && "b" == trigger.id',
    "a choice of the same": "trigger.paid ? true : true",
    "has() of what is always there": "has(trigger.id)",
    "not has() of what is always there": "!has(event.subject)",
    "an unsure part that does not matter": 'trigger.paid && trigger.id.contains("a") && !trigger.paid',
}
OPEN = {
    "a range": "trigger.total > 3.0 && trigger.total < 5.0",
    "one whole number between": "trigger.lines.size() > 1 && trigger.lines.size() < 3",
    "one of two": 'trigger.id == "a" || trigger.id == "b"',
    "neither": 'trigger.id != "a" && trigger.id != "b"',
    "two fields": "trigger.id == trigger.from",
    "has() of what may be absent": "has(trigger.phone)",
    "has() of any value": "has(trigger.raw.a)",
    "two like calls": 'trigger.id.contains("a") && trigger.id.contains("b")',
    "a list's rule": 'trigger.tags.exists(t, t == "a") && trigger.tags.exists(t, t != "a")',
    "a number that may be whole": "trigger.total > 1.0 && trigger.total < 2.0",
    "true and 1 of any value": "trigger.raw.a == true || trigger.raw.a == 1",
}


@pytest.mark.parametrize("condition", CONSTANT.values(), ids=CONSTANT)
def test_a_condition_that_is_always_the_same(condition: str) -> None:
    """It is a fault where it begins."""
    assert faults_of(flow_text(when(condition))) == ["4:11 condition_constant"]


@pytest.mark.parametrize("condition", OPEN.values(), ids=OPEN)
def test_a_condition_that_can_be_both(condition: str) -> None:
    """It is none."""
    assert faults_of(flow_text(when(condition))) == [], texts_of(flow_text(when(condition)))


def test_the_condition_around_counts() -> None:
    """Asked again inside, it is always true; its opposite, always false. The fault names the line."""
    inner = "- if: ${ trigger.paid }\n  then:\n    - if: ${ %s }\n      then: [ { stop: a } ]\n"
    assert faults_of(flow_text(inner % "trigger.paid")) == ["6:14 condition_constant"]
    assert "`if` is always false here, by the condition in line 4" in texts_of(flow_text(inner % "!trigger.paid"))
    assert faults_of(flow_text(inner % 'trigger.id == "a"')) == []


def test_the_condition_before_counts_when_it_ends_the_run() -> None:
    """Who comes behind `if: paid, then: stop` has not paid."""
    steps = when("trigger.paid") + "- if: ${ trigger.paid }\n  then: [ { stop: b } ]\n"
    assert faults_of(flow_text(steps)) == ["6:10 condition_constant"]
    goes_on = steps.replace("stop: a", "set: { x: 1 }")
    assert faults_of(flow_text(goes_on)) == []


def test_when_counts_for_the_whole_flow() -> None:
    """Its own constancy, and what it says to the steps."""
    assert faults_of(flow_text("- stop: a", head="when: ${ 1 == 1 }\n")) == ["3:10 condition_constant"]
    head = "when: ${ trigger.total > 10.0 }\n"
    assert faults_of(flow_text(when("trigger.total > 5.0"), head=head)) == ["5:11 condition_constant"]
    assert faults_of(flow_text(when("trigger.total > 50.0"), head=head)) == []


def test_a_case_that_never_comes() -> None:
    """By a condition before, or by the case around."""
    switch = "- switch: ${ trigger.id }\n  cases:\n    a: [ { stop: x } ]\n    b: [ { stop: y } ]\n"
    assert faults_of(flow_text(when('trigger.id == "a"') + switch)) == ["8:5 condition_constant"]
    nested = "- switch: ${ trigger.id }\n  cases:\n    a:\n      - if: ${ trigger.id == %s }\n        then: [ { stop: x } ]\n"
    assert faults_of(flow_text(nested % '"b"')) == ["7:16 condition_constant"]
    assert faults_of(flow_text(switch)) == []


def test_a_value_that_was_set_anew_is_not_remembered() -> None:
    """What was true of the old value is not told of the new one."""
    steps = "- set: { a: '${ trigger.paid }' }\n- if: ${ a }\n  then:\n    - set: { a: '${ trigger.total > 1.0 }' }\n"
    again = "    - if: ${ a }\n      then: [ { stop: x } ]\n"
    assert faults_of(flow_text(steps + again)) == []
    kept = steps.replace("set: { a: '${ trigger.total > 1.0 }' }", "set: { b: 1 }")
    assert faults_of(flow_text(kept + again)) == ["8:14 condition_constant"]


def test_an_error_can_come_between() -> None:
    """`has(errors.…)` asked before and after another try is two questions."""
    call = "- id: call%d\n  action: http.call\n  with: { method: GET, url: / }\n  on_error: continue\n"
    ask = "- if: ${ has(errors.call1) }\n  then: [ { stop: a } ]\n"
    assert faults_of(flow_text(call % 1 + ask)) == []
    assert faults_of(flow_text((call % 1).replace("  on_error: continue\n", "") + ask)) == ["7:10 condition_constant"]
    assert faults_of(flow_text(ask + call % 1)) == ["4:10 condition_constant"]


def test_a_misspelled_value_of_a_closed_set() -> None:
    """A field that knows all its values is compared with none other; the nearest one is named."""
    schema = {"type": "object", "properties": {"state": {"enum": ["sent", "failed"]}}, "required": ["state"]}
    parse = f"- id: parsed\n  tool: json.parse\n  with:\n    text: a\n    json_schema: {schema}\n"
    steps = (
        parse + "- if: ${ !parsed.valid }\n  then: [ { stop: a } ]\n" + "- if: ${ parsed.value.state == '%s' }" + STOP
    )
    from services.project.catalogue import catalogue  # noqa: PLC0415 - the real json.parse

    def faults(value: str, text: str = steps) -> list[str]:
        sources, wrong = load_text(flow_text(text % value, on="closum.lead.created"))
        return [f"{each.code}: {each.text}" for each in [*wrong, *check(sources, catalogue())]]

    assert faults("failed") == []
    assert faults("faild") == ["condition_constant: `parsed.value.state` is never 'faild': did you mean 'failed'?"]
    switch = (
        steps.split("- if: ${ parsed.value")[0]
        + "- switch: ${ parsed.value.state }\n  cases: { %s: [ { stop: x } ] }\n"
    )
    assert faults("sent", switch) == []
    assert faults("snet", switch) == [
        "condition_constant: this case never comes: it is never 'snet', did you mean 'sent'?"
    ]


def test_many_conditions_are_not_tried_for_ever() -> None:
    """Of thirty parts at once nothing is said, and nothing is refused."""
    parts = " || ".join(f'trigger.id.contains("{number}")' for number in range(30))
    assert faults_of(flow_text(when(f"{parts} || trigger.paid"))) == []
    assert CATALOGUE.triggers


def test_the_type_of_the_event_is_one_of_the_flows_triggers() -> None:
    """A switch on it knows its cases."""
    on = "[shop.ordered, shop.visited]"
    switch = "- switch: ${ event.type }\n  cases: { %s: [ { stop: x } ] }\n"
    assert faults_of(flow_text(switch % "shop.visited", on=on)) == []
    assert faults_of(flow_text(switch % "shop.visitd", on=on)) == ["5:12 condition_constant"]
    assert faults_of(flow_text(when('event.type == "shop.ordered"'), on=on)) == []
    assert faults_of(flow_text(when('event.type == "shop.ordered"'))) == ["4:11 condition_constant"]
