"""What is surely there: by conditions and what is joined of them, by loops, by failures, inside of rules of lists."""

from __future__ import annotations

import pytest

from tests.support.flows import faults_of, flow_text, texts_of

P, A = "has(trigger.phone)", "has(trigger.address)"
PAID = "trigger.paid"

# condition → whether the phone, and the address, are surely there where it is true, and where it is false
CONDITIONS: dict[str, tuple[str, str]] = {
    P: ("p", ""),
    f"!{P}": ("", "p"),
    f"!!{P}": ("p", ""),
    f"{P} && {A}": ("pa", ""),
    f"{P} && {PAID}": ("p", ""),
    f"{PAID} && {P}": ("p", ""),
    f"!{P} && {PAID}": ("", ""),
    f"!{P} && !{A}": ("", ""),
    f"!({P} && {A})": ("", "pa"),
    f"{P} || {A}": ("", ""),
    f"{P} || {PAID}": ("", ""),
    f"({P} && {A}) || ({A} && {P} && {PAID})": ("pa", ""),
    f"({P} && {A}) || {P}": ("p", ""),
    f"!{P} || !{A}": ("", "pa"),
    f"!{P} || {PAID}": ("", "p"),
    f"{PAID} || !{P}": ("", "p"),
    f"(!{P} || {PAID}) && (!{P} || !{A})": ("", "p"),
    f"{PAID} ? {P} : {P} && {A}": ("p", ""),
    f"{PAID} ? {P} && {A} : {P}": ("p", ""),
    f"{PAID} ? {P} : trigger.total > 1.0": ("", ""),
    f"{PAID} ? trigger.total > 1.0 : {P}": ("", ""),
    f"{PAID} ? !{P} : !{P} || !{A}": ("", "p"),
    f"{PAID} ? !{P} || !{A} : !{P}": ("", "p"),
    f"{PAID} ? !{P} : trigger.total > 1.0": ("", ""),
    f"{PAID} ? trigger.total > 1.0 : !{P}": ("", ""),
    f"trigger.tags.exists(t, {P})": ("", ""),
    f"[{P}] == [true]": ("", ""),
}
READS = {"p": "trigger.phone", "a": "trigger.address.city"}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("way", [0, 1], ids=["then", "else"])
def test_what_a_condition_says_is_there(condition: str, way: int) -> None:
    """Where it is true in `then`, where it is false in `else`: no more, and no less."""
    for name, read in READS.items():
        stop, go = f"[ {{ stop: '${{ {read} }}' }} ]", "[ { set: { a: 1 } } ]"
        then, otherwise = (stop, go) if way == 0 else (go, stop)
        text = flow_text(f"- if: '${{ {condition} }}'\n  then: {then}\n  else: {otherwise}")
        found = [fault.split()[1] for fault in faults_of(text)]
        assert found == ([] if name in CONDITIONS[condition][way] else ["field_may_be_absent"]), texts_of(text)


ROOM = "when: ${ trigger.lines.size() > 1 }\n"
"""There are elements: what is asked here is what is in them."""


def faults(steps: str) -> list[str]:
    """As of the flow without `when`."""
    found = [fault.split(":") for fault in faults_of(flow_text(steps, head=ROOM))]
    return [f"{int(line) - 1}:{rest}" for line, rest in found]


BEFORE = '- set: { a: "${ '
# `›` stands before the dot of what can be absent there
EXPRESSIONS = [
    f"{P} && trigger.phone == 'a'",
    f"trigger›.phone == 'a' && {P}",
    f"{P} || trigger›.phone == 'a'",
    f"!{P} || trigger.phone == 'a'",
    f"!{P} && trigger›.phone == 'a'",
    f"{P} ? trigger.phone == 'a' : {PAID}",
    f"{P} ? {PAID} : trigger›.phone == 'a'",
    f"!{P} ? {PAID} : trigger.phone == 'a'",
    f"!{P} ? trigger›.phone == 'a' : {PAID}",
    f"{PAID} ? trigger›.phone == 'a' : {PAID}",
    f"trigger›.phone == 'a' ? {PAID} : {PAID}",
    f"({P} && {PAID}) && trigger.phone == 'a'",
    f"({P} || {PAID}) && trigger›.phone == 'a'",
    "trigger.lines.exists(l, l›.note == 'a')",
    "trigger.lines.exists(l, has(l.note) && l.note == 'a')",
    "has(trigger.lines[0].note) && trigger.lines[0].note == 'a'",
    "has(trigger.lines[0].note) && trigger.lines[1]›.note == 'a'",
    "trigger.lines.filter(l, has(l.note)).exists(m, m›.note == 'a')",
    "dyn(trigger).phone == 'a'",
    "has(dyn(trigger).phone) && trigger›.phone == 'a'",
    "has(trigger›.address.zip_code)",
    f"{A} && has(trigger.address.zip_code) && trigger.address.zip_code == 'a'",
    f"{A} && trigger.address›.zip_code == 'a'",
    "[trigger].exists(t, has(t.phone) && t.phone == 'a')",
    "[trigger].exists(t, has(t.phone)) && trigger›.phone == 'a'",
    f"{P} && [trigger].exists(trigger, trigger›.phone == 'a')",
    f"{P} && trigger.tags.exists(t, trigger.phone == t)",
    "trigger.lines.exists(l, has(l.note) && trigger.lines.exists(l, l›.note == 'a'))",
    "trigger.lines.exists(l, has(l.note) && trigger.lines.exists(m, l.note == 'a'))",
]


@pytest.mark.parametrize("marked", EXPRESSIONS)
def test_what_can_be_absent_in_an_expression(marked: str) -> None:
    """What one part asks, those behind it know; a name that a rule of a list binds is another value."""
    steps = f'{BEFORE}{marked.replace("›", "")} }}" }}'
    found = [f"4:{len(BEFORE) + marked.index('›') + 1} field_may_be_absent"] if "›" in marked else []
    assert faults(steps) == found, texts_of(flow_text(steps))


STEPS = {
    "a default of a step that comes later": (
        """
        - stop: ${ phone.?e164.orValue('none') }
        - id: phone
          tool: phone.format
          with: { number: '${ trigger.from }' }
        """,
        ["4:12 step_not_run", "5:3 step_unreachable"],
    ),
    "what was asked of a value that a loop changes": (
        """
        - set: { x: '${ trigger.lines[0] }' }
        - if: ${ has(x.note) }
          then:
            - for_each: ${ trigger.lines }
              do:
                - set: { y: '${ x.note }', x: '${ item }' }
        """,
        ["9:26 field_may_be_absent"],
    ),
    "what was asked of an element that a loop changes": (
        """
        - set: { x: '${ trigger.lines }' }
        - if: ${ has(x[0].note) }
          then:
            - for_each: ${ trigger.tags }
              do:
                - set: { y: '${ x[0].note }', x: '${ trigger.lines }' }
        """,
        ["9:26 field_may_be_absent", "9:29 field_may_be_absent"],
    ),
    "what was asked of a value that a loop leaves as it is": (
        """
        - set: { x: '${ trigger.lines[0] }', xy: 1 }
        - if: ${ has(x.note) && has(trigger.phone) }
          then:
            - for_each: ${ trigger.lines }
              do:
                - set: { y: '${ x.note + trigger.phone }', xy: 2 }
        """,
        [],
    ),
    "what was asked of a value that is set anew": (
        """
        - set: { x: '${ trigger.lines[0] }' }
        - if: ${ has(x.note) }
          then:
            - set: { x: '${ trigger.lines[1] }' }
            - stop: ${ x.note }
        """,
        ["8:17 field_may_be_absent"],
    ),
    "what was asked of an element that is set anew": (
        """
        - set: { x: '${ trigger.lines }' }
        - if: ${ has(x[0].note) }
          then:
            - set: { x: '${ trigger.lines }' }
            - stop: ${ x[0].note }
        """,
        ["8:17 field_may_be_absent", "8:20 field_may_be_absent"],
    ),
    "what was asked of another value whose name begins alike": (
        """
        - set: { x: '${ trigger.lines[0] }', xy: '${ trigger.lines[0] }' }
        - if: ${ has(xy.note) }
          then:
            - set: { x: 1 }
            - stop: ${ xy.note }
        """,
        [],
    ),
    "what a failed step says of another": (
        """
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        - id: other
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        - if: ${ !has(errors.call) }
          then:
            - stop: ${ string(call.status) + string(other.status) }
        """,
        ["14:45 step_may_not_have_run"],
    ),
    "no error is held of a step that is there": (
        """
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        - if: ${ has(errors.call) }
          then:
            - set: { a: 1 }
          else:
            - stop: ${ string(call.status) }
        """,
        [],
    ),
    "an error of a step on another way": (
        """
        - if: ${ trigger.paid }
          then:
            - id: call
              action: http.call
              with: { method: GET, url: / }
              on_error: continue
        - if: ${ !has(errors.call) }
          then:
            - stop: ${ string(call.status) }
        """,
        ["12:23 step_may_not_have_run"],
    ),
    "an error asked for before its step": (
        """
        - if: ${ has(errors.call) }
          then: [ { stop: a } ]
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        """,
        ["4:10 condition_constant"],
    ),
    "an error asked for where it is surely held": (
        """
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error: [ { if: '${ has(errors.call) }', then: [ { stop: a } ] } ]
        """,
        ["7:25 condition_constant"],
    ),
    "an error asked for of a step that ends the run": (
        """
        - id: phone
          tool: phone.format
          with: { number: '${ trigger.from }' }
        - if: ${ has(errors.phone) }
          then: [ { stop: a } ]
        """,
        ["7:10 condition_constant"],
    ),
    "an error looked at in a loop": (
        """
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error:
            - for_each: ${ trigger.tags }
              do: [ { set: { a: '${ errors.call.cause }' } } ]
        """,
        [],
    ),
    "a variable of one way, asked for": (
        """
        - if: ${ trigger.paid }
          then:
            - set: { a: { b: 1 } }
        - if: ${ has(a.b) }
          then: [ { stop: x } ]
        """,
        [],
    ),
    "a variable of one way, with a default": (
        """
        - if: ${ trigger.paid }
          then:
            - set: { a: { b: x } }
        - stop: ${ a.?b.orValue('x') }
        """,
        [],
    ),
    "a value that stands in the step behind a stop": (
        """
        - if: ${ trigger.paid }
          then: [ { stop: a } ]
          else: [ { stop: b } ]
        - stop: ${ trigger.phone }
        """,
        ["7:3 step_unreachable", "7:19 field_may_be_absent"],
    ),
    "two ways that stop inside of one that goes on": (
        """
        - if: ${ trigger.paid }
          then:
            - if: ${ trigger.total > 1.0 }
              then: [ { stop: a } ]
              else: [ { stop: b } ]
          else:
            - set: { a: x }
        - stop: ${ a }
        """,
        [],
    ),
    "what both ways ask": (
        """
        - if: ${ trigger.paid }
          then:
            - if: ${ !has(trigger.phone) }
              then: [ { stop: a } ]
          else:
            - if: ${ !has(trigger.phone) || !has(trigger.address) }
              then: [ { stop: a } ]
        - set: { a: '${ trigger.phone }', b: '${ trigger.address }' }
        """,
        ["11:49 field_may_be_absent"],
    ),
    "a condition on both ways": (
        """
        - if: ${ trigger.paid }
          then:
            - if: ${ trigger.id == 'a' }
              then: [ { stop: a } ]
            - set: { x: 1 }
        - if: ${ trigger.id == 'a' }
          then: [ { stop: a } ]
        """,
        [],
    ),
    "a condition that a step's new value ends": (
        """
        - set: { x: '${ trigger.id }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        - set: { x: '${ trigger.from }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        [],
    ),
    "a condition that a loop's new value ends": (
        """
        - set: { x: '${ trigger.id }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        - for_each: ${ trigger.tags }
          do:
            - if: ${ x == 'a' }
              then: [ { stop: b } ]
            - set: { x: '${ item }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        [],
    ),
    "a condition that no loop ends": (
        """
        - set: { x: '${ trigger.id }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        - for_each: ${ trigger.tags }
          do:
            - if: ${ x == 'a' }
              then: [ { stop: b } ]
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        ["9:14 condition_constant", "11:10 condition_constant"],
    ),
    "a condition on an item, which is another one in each round": (
        """
        - for_each: ${ trigger.tags }
          do:
            - if: ${ item == 'a' }
              then: [ { stop: b } ]
        - for_each: ${ trigger.tags }
          do:
            - if: ${ item == 'a' }
              then: [ { stop: b } ]
        """,
        [],
    ),
    "what a loop may have set": (
        """
        - for_each: ${ trigger.lines }
          do:
            - set: { a: { b: x } }
            - id: call
              action: http.call
              with: { method: GET, url: / }
        - stop: ${ a.?b.orValue('x') }
        """,
        [],
    ),
    "what a loop may have set, without a default": (
        """
        - for_each: ${ trigger.lines }
          do:
            - set: { a: x }
        - stop: ${ a }
        """,
        ["7:12 step_may_not_have_run"],
    ),
    "what is known before a wait, behind it and where it is ended": (
        """
        - if: ${ !has(trigger.phone) }
          then: [ { stop: a } ]
        - wait: 1h
          cancel_on:
            trigger: shop.ordered
            key: ${ trigger.id }
            then: [ { set: { a: '${ trigger.phone }' } } ]
        - stop: ${ trigger.phone }
        """,
        [],
    ),
    "what is known where no wait is ended": (
        """
        - set: { x: '${ trigger.id }' }
        - wait: 1h
          cancel_on:
            trigger: shop.ordered
            key: ${ trigger.id }
            then: [ { if: "${ x == 'a' }", then: [ { stop: b } ] }, { stop: c } ]
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        [],
    ),
    "what a wait that goes on says": (
        """
        - set: { x: '${ trigger.id }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        - wait: 1h
          cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', then: continue }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        ["9:10 condition_constant"],
    ),
    "cases of every kind": (
        """
        - switch: ${ trigger.total }
          cases: { 5: [ { set: { a: 1 } } ], 1.5: [ { set: { a: 2 } } ], null: [ { set: { a: 3 } } ] }
        - switch: ${ trigger.lines.size() }
          cases: { 5: [ { set: { a: 1 } } ], 6.0: [ { set: { a: 2 } } ] }
        - switch: ${ trigger.raw.x }
          cases: { 5: [ { set: { a: 1 } } ], x: [ { set: { a: 2 } } ], true: [ { set: { a: 3 } } ] }
        - switch: ${ trigger.id }
          cases: { a: [ { set: { a: 1 } } ], null: [ { set: { a: 2 } } ] }
        """,
        [],
    ),
    "what a case says of the value": (
        """
        - switch: ${ trigger.id }
          cases:
            a: [ { if: "${ trigger.id == 'a' }", then: [ { stop: x } ] } ]
            b: [ { if: "${ trigger.id == 'a' }", then: [ { stop: x } ] } ]
            c: [ { if: "${ trigger.from == 'a' }", then: [ { stop: x } ] } ]
          default: [ { if: "${ trigger.id == 'b' }", then: [ { stop: x } ] } ]
        """,
        ["6:20 condition_constant", "7:20 condition_constant", "9:24 condition_constant"],
    ),
    "what all cases give": (
        """
        - switch: ${ trigger.id }
          cases:
            a: [ { set: { x: a } } ]
            b: [ { set: { x: b } } ]
          default: [ { stop: c } ]
        - stop: ${ x }
        """,
        [],
    ),
    "what the cases give, and not the default": (
        """
        - switch: ${ trigger.id }
          cases:
            a: [ { set: { x: a } } ]
            b: [ { set: { x: b } } ]
        - stop: ${ x }
        """,
        ["8:12 step_may_not_have_run"],
    ),
    "a loop of as many rounds as there may be": (
        """
        - for_each: ${ trigger.tags }
          limit: 10
          do:
            - for_each: ${ trigger.tags }
              as: tag
              limit: 100
              do: [ { set: { a: 1 } } ]
        - for_each: ${ trigger.tags }
          limit: 10
          do:
            - for_each: ${ trigger.tags }
              as: tag
              limit: 10
              do: [ { wait: 1h } ]
        """,
        [],
    ),
    "a condition that nothing ends": (
        """
        - set: { x: '${ trigger.id }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        - set: { y: '${ trigger.from }' }
        - if: ${ x == 'a' }
          then: [ { stop: a } ]
        """,
        ["8:10 condition_constant"],
    ),
    "a condition on an error, before another step that can fail": (
        """
        - id: call
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        - if: ${ has(errors.call) }
          then: [ { stop: a } ]
        - id: other
          action: http.call
          with: { method: GET, url: / }
          on_error: continue
        - if: ${ has(errors.other) }
          then: [ { stop: b } ]
        """,
        [],
    ),
    "a name that a rule binds is no step": (
        """
        - stop: "${ trigger.tags.map(phone, phone + 'x').join('') }"
        - id: phone
          tool: phone.format
          with: { number: '${ trigger.from }' }
        """,
        ["5:3 step_unreachable"],
    ),
    "a step beside a name that a rule binds": (
        """
        - stop: "${ trigger.tags.map(t, t + phone.e164).join('') }"
        - id: phone
          tool: phone.format
          with: { number: '${ trigger.from }' }
        """,
        ["4:37 step_not_run", "5:3 step_unreachable"],
    ),
    "a variable beside a name that a rule binds": (
        """
        - set: { b: "${ trigger.tags.map(t, t + a).join('') }", a: x }
        """,
        ["4:41 step_not_run"],
    ),
}


@pytest.mark.parametrize(("steps", "expected"), STEPS.values(), ids=STEPS)
def test_what_is_known_where(steps: str, expected: list[str]) -> None:
    """Exactly these faults, at exactly these places."""
    assert faults(steps) == expected, texts_of(flow_text(steps))
