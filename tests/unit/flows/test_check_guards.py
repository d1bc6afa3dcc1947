"""What can fail, or never means what it says, although its types fit."""

from __future__ import annotations

import pytest

from tests.support.flows import flow_text, texts_of

PHONE = "- id: phone\n  tool: phone.format\n  with: { number: '${ trigger.from }' }\n"

WRONG = {
    "trigger.tags[0]": "ask `trigger.tags.size() > 0` first, or give a default: `trigger.tags[?0].orValue(…)`",
    "trigger.tags.size() > 0 ? trigger.tags[1] : ''": "no element 1",
    "trigger.tags.size() == 0 ? trigger.tags[0] : ''": "no element 0",
    "trigger.id.split(' ')[1]": "no element 1",
    "trigger.tags.filter(t, t != '')[0]": "no element 0",
    "trigger.lines.map(l, trigger.tags[l.count])": "no element l.count",
    "{'PT': 1}[trigger.id]": "ask `trigger.id in …` first",
    "{'PT': 1}['ES']": 'may have no "ES"',
    "10 / trigger.tags.size()": "`trigger.tags.size()` can be 0",
    "trigger.lines.map(l, 10 / l.count)": "`l.count` can be 0",
    "trigger.total / trigger.total": "`trigger.total` can be 0",
    "trigger.total >= 0 ? 1 / trigger.total : 0": "`trigger.total` can be 0",
    "1 / 0": "nothing is divided by 0",
    "int(trigger.id)": "`number.parse`",
    "double(trigger.id.trim())": "`number.parse`",
    "timestamp(trigger.id)": "`date.parse`",
    "duration(trigger.id)": "cannot read",
    "int('abc')": "`int` cannot read 'abc'",
    "double('1,5')": "`double` cannot read '1,5'",
    "int(trigger.paid ? '1' : 'x')": "`int` cannot read 'x'",
    "'%s %s'.format([trigger.id])": "2 places for values in its text, and 1 values are given",
    "'100 % of %s'.format([trigger.id])": "a `%` stands for none",
    "event.time > '2026-01-01'": 'compared as texts, and a moment has many: `timestamp(event.time) > timestamp("2026-01-01")`',
    "event.time == trigger.id": "compared as texts",
    "phone.e164 == '351912345678'": "`phone.e164` is a phone, and never '351912345678'",
    "phone.e164 in ['+351912345678', '12']": "never '12'",
    "phone.e164.startsWith('351')": "never begins with '351'",
    "phone.e164.startsWith('+')": "always begins with '+'",
}  # fmt: skip


@pytest.mark.parametrize("expression", WRONG)
def test_what_can_fail_or_never_is_a_mistake(expression: str) -> None:
    """It says what to ask, or what to write instead."""
    found = texts_of(flow_text(f'{PHONE}- set: {{ a: "${{ {expression} }}" }}'))
    assert WRONG[expression] in found
    assert found.count("error[") == 1, found


RIGHT = (
    "trigger.tags.size() > 0 ? trigger.tags[0] : ''",
    "size(trigger.tags) >= 2 ? trigger.tags[1] : ''",
    "trigger.tags.size() != 0 && trigger.tags[0] == 'a'",
    "trigger.tags[0] == 'a' && trigger.tags.size() > 0",
    "trigger.tags.size() == 0 || trigger.tags[0] == 'a'",
    "trigger.tags[?0].orValue('')",
    "trigger.id.split(' ')[0]",
    "trigger.id.split(' ')[?1].orValue('')",
    "[1, 2][1]",
    "has(trigger.lines[0].note) ? trigger.lines[0].note : ''",
    "trigger.id in {'PT': 1} ? {'PT': 1}[trigger.id] : 0",
    "{'PT': 1}[?trigger.id].orValue(0)",
    "{'PT': 1, 'ES': 2}[trigger.paid ? 'PT' : 'ES']",
    "{'PT': 1}['PT']",
    "trigger.raw.a.b[0] / trigger.raw.c",
    "trigger.notes['a']",
    "trigger.total != 0 ? 10 / trigger.total : 0",
    "trigger.total > 0.5 && 10 / trigger.total > 1",
    "trigger.tags.size() > 0 ? 10 / trigger.tags.size() : 0",
    "10 / 3",
    "int('7') + int(3.7) + int(timestamp(event.time))",
    "trigger.id.matches('^[0-9]{1,9}$') ? int(trigger.id) : 0",
    "timestamp(event.time) > timestamp('2026-01-01T00:00:00Z')",
    "'100 %% of %s in %.2f'.format([trigger.id, trigger.total])",
    "'%s'.format(trigger.tags)",
    "phone.e164 == '+351912345678' || phone.e164 == ''",
    "phone.e164.startsWith('+351')",
)


@pytest.mark.parametrize("expression", RIGHT)
def test_what_was_asked_or_has_a_default_is_right(expression: str) -> None:
    assert texts_of(flow_text(f'{PHONE}- set: {{ a: "${{ {expression} }}" }}')) == ""


def test_a_condition_of_a_step_before_counts() -> None:
    steps = "- if: ${ trigger.tags.size() == 0 }\n  then: [ { stop: none } ]\n- stop: ${ trigger.tags[0] }"
    assert texts_of(flow_text(steps)) == ""
    assert "no element 1" in texts_of(flow_text(steps.replace("[0]", "[1]")))


@pytest.mark.parametrize(
    "step", ["- set: { a: '${ trigger.?phone }' }", "- for_each: ${ [trigger.tags][?0] }\n  do: [ { stop: a } ]"]
)
def test_what_may_be_absent_is_no_value_of_a_name_and_no_list(step: str) -> None:
    """With a default it is."""
    assert "this can be absent: give a default" in texts_of(flow_text(step))
    right = (
        step.replace("?phone }", "?phone.orValue('') }")
        .replace("[?0] }", "[?0].orValue([]) }")
        .replace("'${", '"${')
        .replace("}' }", '}" }')
    )
    assert texts_of(flow_text(right)) == ""
