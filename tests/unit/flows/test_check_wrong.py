"""Wrong flows, each a small change to a right one, with the fault and the location that the checker must give."""

from __future__ import annotations

import pytest

from tests.support.flows import faults_of, flow_text, texts_of

RIGHT = """
- id: phone
  tool: phone.format
  with: { number: "${ trigger.from }" }
"""
SEND = """
- id: sms
  action: sms.send
  connection: gateway
  with: { to: "${ phone.e164 }", text: hello, consent: true }
"""

# name → (the whole file, what must be reported: `line:col code`)
FILES = {
    "an empty file": ("", ["1:1 key_missing"]),
    "a list": ("- flow: a", ["1:1 value_invalid"]),
    "a tab": ("flow: a\n\ton: b", ["2:1 yaml_invalid"]),
    "an unquoted expression in braces": ("flow: a\nx: { y: ${ z } }", ["2:10 yaml_invalid"]),
    "a colon in a text": ("flow: a\ndescription: so: it is", ["2:16 yaml_invalid"]),
    "half of a character": ('flow: tried\non: shop.ordered\nsteps:\n- stop: "a \\ud800"\n', ["4:9 yaml_invalid"]),
    "half of a character in a key": (
        'flow: tried\n"a\\udc00": b\n',
        ["1:1 key_missing"] * 2 + ["2:1 key_unknown", "2:1 yaml_invalid"],
    ),
    "an alias to nothing": ("flow: *a", ["1:7 yaml_invalid"]),
    "an alias inside itself": ("flow: &a [*a]", ["1:1 yaml_invalid"]),
    "a key that is a list": ("? [a]\n: b\n", ["1:1 key_missing"] * 3 + ["1:3 yaml_invalid"]),
    "a key twice": (flow_text(RIGHT) + "on: shop.visited\n", ["7:1 key_duplicate"]),
    "on, as YAML 1.1 tools write it": (flow_text(RIGHT).replace("on:", "true:"), ["2:1 yaml_trap"]),
    "no flow": (flow_text(RIGHT).replace("flow: tried\n", ""), ["1:1 key_missing"]),
    "no steps": ("flow: tried\non: shop.ordered\n", ["1:1 key_missing"]),
    "steps that are none": ("flow: tried\non: shop.ordered\nsteps: []\n", ["3:8 value_invalid"]),
    "steps that are a map": ("flow: tried\non: shop.ordered\nsteps: { a: b }\n", ["3:8 value_invalid"]),
    "a misspelled key": (flow_text(RIGHT).replace("steps:", "stepss:"), ["3:1 key_unknown"]),
    "a name with blanks": (flow_text(RIGHT).replace("tried", "Not good"), ["1:7 value_invalid"]),
    "a name that is a number": (flow_text(RIGHT).replace("tried", "12"), ["1:7 value_invalid"]),
    "an unknown trigger": (flow_text(RIGHT, on="shop.orderd"), ["2:5 trigger_unknown"]),
    "no trigger": (flow_text(RIGHT, on="[]"), ["2:5 value_invalid"]),
    "a trigger twice": (flow_text(RIGHT, on="[shop.ordered, shop.ordered]"), ["2:20 key_duplicate"]),
    "a trigger that is an expression": (flow_text(RIGHT, on="${ trigger.id }"), ["2:5 value_invalid"]),
    "a fixed key": (flow_text(RIGHT, head="key: all\n"), ["3:6 value_invalid"]),
    "a key that is an object": (flow_text(RIGHT, head="key: ${ trigger.lines }\n"), ["3:9 expression_type"]),
    "a deadline before the flow's wait ends": (
        flow_text("- wait: 2h\n- action: http.call\n  with: { method: GET, url: / }", head="deadline: 1h\n"),
        ["3:11 deadline_passed"],
    ),
    "a deadline of the flow that is an object": (
        flow_text(RIGHT, head="deadline: ${ trigger.lines }\n"),
        ["3:11 expression_type"],
    ),
    "a condition that is a text": (flow_text(RIGHT, head="when: ${ trigger.from }\n"), ["3:10 expression_type"]),
    "a condition without ${ }": (flow_text(RIGHT, head="when: trigger.paid\n"), ["3:7 value_invalid"]),
    "a key of a step that has not run": (flow_text(RIGHT, head="key: ${ phone.e164 }\n"), ["3:9 step_not_run"]),
    "two flows of one name": (flow_text(RIGHT) + "---\n" + flow_text(RIGHT), ["8:7 flow_duplicate"]),
}

# name → (steps, the first in line 4; what must be reported)
STEPS = {
    "a step that does nothing": ("- id: a", ["4:3 step_kind"]),
    "a step that is a text": ("- stop", ["4:3 step_kind"]),
    "a misspelled kind": ("- tol: phone.format\n  with: { number: a }", ["4:3 key_unknown"]),
    "a step that does two things": (
        "- tool: phone.format\n  action: http.call",
        ["4:3 step_kind", "4:9 input_missing"],
    ),
    "a key that tools do not have": ("- tool: phone.format\n  with: { number: a }\n  retry: {}", ["6:3 key_unknown"]),
    "an id for a condition": ("- if: ${ trigger.paid }\n  id: a\n  then:\n    - stop: b", ["5:3 key_unknown"]),
    "an id with a dash": ("- id: my-phone\n  tool: phone.format\n  with: { number: a }", ["4:7 id_invalid"]),
    "an id that is taken": ("- id: trigger\n  tool: phone.format\n  with: { number: a }", ["4:7 id_invalid"]),
    "an id that CEL reserves": ("- id: in\n  tool: phone.format\n  with: { number: a }", ["4:7 id_invalid"]),
    "an id twice": (RIGHT + RIGHT, ["7:7 id_duplicate"]),
    "an id that is a variable": (RIGHT + "- set: { phone: 1 }", ["7:10 id_duplicate"]),
    "an unknown tool": (RIGHT.replace("phone.format", "phone.fromat"), ["5:9 tool_unknown"]),
    "an action as a tool": ("- tool: http.call\n  with: { method: GET, url: / }", ["4:9 tool_unknown"]),
    "a tool as an action": ("- action: phone.format\n  with: { number: a }", ["4:11 action_unknown"]),
    "an unknown action": (RIGHT + SEND.replace("sms.send", "sms.sent"), ["8:11 action_unknown"]),
    "an unknown connection": (RIGHT + SEND.replace("gateway", "gatewy"), ["9:15 connection_unknown"]),
    "no connection": (RIGHT + SEND.replace("  connection: gateway\n", ""), ["8:11 connection_missing"]),
    "a missing input": ("- tool: phone.format\n  with: { region: PT }", ["4:9 input_missing"]),
    "no inputs at all": ("- tool: phone.format", ["4:9 input_missing"]),
    "inputs that are a text": ("- tool: phone.format\n  with: a", ["4:9 input_missing", "5:9 value_invalid"]),
    "a misspelled input": (
        "- tool: phone.format\n  with: { numbr: a }",
        ["4:9 input_missing", "5:11 input_unexpected"],
    ),
    "an input too many": ("- tool: phone.format\n  with: { number: a, style: b }", ["5:22 input_unexpected"]),
    "a number for a text": ("- tool: phone.format\n  with: { number: 912345678 }", ["5:19 input_type"]),
    "a list for a text": ("- tool: phone.format\n  with: { number: [a] }", ["5:19 input_type"]),
    "an object for a text": ('- tool: phone.format\n  with: { number: "${ trigger.raw }" }', ["5:23 input_type"]),
    "a pattern that does not fit": ("- tool: phone.format\n  with: { number: a, region: pt }", ["5:30 input_value"]),
    "a choice that is none": ("- action: http.call\n  with: { method: PUT, url: / }", ["5:19 input_value"]),
    "yes for true": (RIGHT + SEND.replace("true", "yes"), ["10:56 yaml_trap"]),
    "a text for a truth value": (
        RIGHT + SEND.replace("true", '"${ trigger.from }"'),
        ["10:60 input_type"],
    ),
    "a text for a number": (
        RIGHT + SEND.replace("true }", 'true, parts: "${ trigger.id }" }'),
        ["10:73 input_type"],
    ),
    "a fraction for a whole number": (
        RIGHT + SEND.replace("true }", 'true, parts: "${ trigger.total }" }'),
        ["10:73 input_type"],
    ),
    "a text where a phone is needed": (
        SEND.replace("${ phone.e164 }", "${ trigger.from }"),
        ["7:19 input_type"],
    ),
    "a text with a phone in it": (RIGHT + SEND.replace("${ phone.e164 }", "tel ${ phone.e164 }"), ["10:15 input_type"]),
    "a fixed text that is no phone": (SEND.replace('"${ phone.e164 }"', "912345678 a"), ["7:15 input_value"]),
    "a text that is too long": (RIGHT + SEND.replace("hello", "x" * 161), ["10:40 input_value"]),
    "null for what is needed": ("- tool: phone.format\n  with: { number: null }", ["5:19 input_type"]),
    "a wrong type in a list": (
        "- action: http.call\n  with: { method: GET, url: /, expect: [200, ok] }",
        ["5:46 input_type"],
    ),
    "a wrong expression in a list": (
        '- action: http.call\n  with: { method: GET, url: /, expect: ["${ trigger.id }"] }',
        ["5:45 input_type"],
    ),
    "a list for a map": ("- action: http.call\n  with: { method: GET, url: /, query: [a] }", ["5:39 input_type"]),
    "a map inside a flat map": (
        "- action: http.call\n  with: { method: GET, url: /, query: { a: { b: c } } }",
        ["5:44 input_type"],
    ),
    "an object without a field": (
        RIGHT + SEND.replace("true }", "true, lines: [{ article: a }] }"),
        ["10:70 input_missing"],
    ),
    "an object with a wrong field": (
        RIGHT + SEND.replace("true }", 'true, lines: [{ article: a, count: "${ trigger.id }" }] }'),
        ["10:95 input_type"],
    ),
    "a list of other objects": (
        RIGHT + SEND.replace("true }", 'true, lines: "${ trigger.tags }" }'),
        ["10:73 input_type"],
    ),
    "a list inside a text": (RIGHT + SEND.replace("hello", '"${ trigger.lines }"'), ["10:44 input_type"]),
    "a list within a text": (RIGHT + SEND.replace("hello", '"a ${ trigger.lines }"'), ["10:46 input_type"]),
    "an optional where a value is needed": (
        '- tool: phone.format\n  with: { number: "${ trigger.?phone }" }',
        ["5:23 input_type"],
    ),
    "a misspelled field of the trigger": (RIGHT.replace("trigger.from", "trigger.form"), ["6:31 field_unknown"]),
    "a field by its Python name": (RIGHT.replace("trigger.from", "trigger.from_"), ["6:31 field_unknown"]),
    "a misspelled field below": ("- stop: ${ trigger.notes.x + trigger.lines[0].artcle }", ["4:47 field_unknown"]),
    "a misspelled field in a list's rule": ("- stop: ${ trigger.lines.map(l, l.nme)[0] }", ["4:35 field_unknown"]),
    "a misspelled field of an output": (RIGHT + "- stop: ${ phone.e146 }", ["7:18 field_unknown"]),
    "a misspelled field of the event": ("- stop: ${ event.sbject }", ["4:18 field_unknown"]),
    "a misspelled field of an error": (
        RIGHT + "  on_error: [ { stop: '${ errors.phone.reason }' } ]",
        ["7:40 field_unknown"],
    ),
    "a misspelled name": (RIGHT + "- stop: ${ phoen.e164 }", ["7:12 name_unknown"]),
    "a function that is none": ("- stop: ${ upper(trigger.from) }", ["4:12 name_unknown"]),
    "no expression": ("- stop: ${ }", ["4:11 expression_invalid"]),
    "an expression that is not closed": ("- stop: a ${ trigger.from", ["4:11 expression_invalid"]),
    "an expression that ends early": ("- stop: ${ trigger.from + }", ["4:26 expression_invalid"]),
    "an expression over two lines": ("- stop: |\n    ${ trigger.from +\n       trigger.frm }", ["6:16 field_unknown"]),
    "an expression that is too long": ("- stop: ${ " + "1 + " * 1001 + "1 }", ["4:12 expression_invalid"]),
    "rules inside rules inside rules": (
        "- set: { a: '${ " + "trigger.tags.map(x, " * 20 + "1" + ")" * 20 + " }' }",
        ["4:17 expression_invalid"],
    ),
    "a protobuf message": ("- if: ${ flows.t0{} == null }\n  then:\n    - stop: a", ["4:10 expression_invalid"]),
    "text and number": ("- stop: ${ trigger.from + 1 }", ["4:25 expression_type"]),
    "a comparison of text and number": ("- if: ${ trigger.id == 7 }\n  then:\n    - stop: a", ["4:21 expression_type"]),
    "a negated text": ("- if: ${ !trigger.from }\n  then:\n    - stop: a", ["4:10 expression_type"]),
    "a condition that is a number": ("- if: ${ trigger.total }\n  then:\n    - stop: a", ["4:10 expression_type"]),
    "a condition that is a tag": ("- if: !phone.valid\n  then:\n    - stop: a", ["4:7 value_invalid", "4:7 yaml_trap"]),
    "a condition that is a text with more": (
        "- if: a ${ trigger.paid }\n  then:\n    - stop: a",
        ["4:7 value_invalid"],
    ),
    "no then": ("- if: ${ trigger.paid }", ["4:3 key_missing"]),
    "a wrong pattern": ('- if: ${ trigger.id.matches("(") }\n  then:\n    - stop: a', ["4:29 pattern_invalid"]),
    "a wrong duration in an expression": ("- stop: ${ string(duration('2d')) }", ["4:28 duration_invalid"]),
    "a wrong time in an expression": ("- stop: ${ string(timestamp('now')) }", ["4:29 expression_invalid"]),
    "a field that may be absent": ("- stop: ${ trigger.phone }", ["4:19 field_may_be_absent"]),
    "a field of an object that may be absent": ("- stop: ${ trigger.address.city }", ["4:19 field_may_be_absent"]),
    "a field in a list that may be absent": (
        '- stop: "${ trigger.lines.size() > 0 ? trigger.lines[0].note : trigger.id }"',
        ["4:56 field_may_be_absent"],
    ),
    "has() of something else": (
        "- if: ${ has(trigger.address) }\n  then:\n    - stop: ${ trigger.phone }",
        ["6:23 field_may_be_absent"],
    ),
    "has() on the wrong way": (
        "- if: ${ has(trigger.phone) }\n  then: [ { stop: a } ]\n- stop: ${ trigger.phone }",
        ["6:19 field_may_be_absent"],
    ),
    "has() or something else": (
        "- if: ${ has(trigger.phone) || trigger.paid }\n  then:\n    - stop: ${ trigger.phone }",
        ["6:23 field_may_be_absent"],
    ),
    "a step that comes later": ("- set: { a: '${ phone.e164 }' }" + RIGHT, ["4:17 step_not_run"]),
    "has() of a step that comes later": ("- set: { a: '${ has(phone.e164) }' }" + RIGHT, ["4:21 step_not_run"]),
    "a step in its own inputs": (RIGHT.replace("trigger.from", "phone.e164"), ["6:23 step_not_run"]),
    "a step in one branch only": (
        (
            "- if: ${ trigger.paid }\n  then:\n    - id: phone\n      tool: phone.format\n      with: { number: a }\n"
            "- stop: ${ phone.e164 }"
        ),
        ["9:12 step_may_not_have_run"],
    ),
    "a step of the other branch": (
        (
            "- if: ${ trigger.paid }\n  then:\n    - id: phone\n      tool: phone.format\n      with: { number: a }\n"
            "  else:\n    - stop: ${ phone.e164 }"
        ),
        ["10:16 step_not_run"],
    ),
    "a step in one case only": (
        (
            "- switch: ${ trigger.id }\n  cases:\n    a:\n      - id: phone\n        tool: phone.format\n"
            "        with: { number: a }\n- stop: ${ phone.e164 }"
        ),
        ["10:12 step_may_not_have_run"],
    ),
    "a step that may have failed": (
        RIGHT + "  on_error: continue\n- stop: ${ phone.e164 }",
        ["8:12 step_may_not_have_run"],
    ),
    "a step that failed, in its fallback": (
        RIGHT + "  on_error:\n    - stop: ${ phone.e164 }",
        ["8:16 step_may_not_have_run"],
    ),
    "a variable on one way only": (
        "- if: ${ trigger.paid }\n  then:\n    - set: { a: 1 }\n- stop: ${ string(a) }",
        ["7:19 step_may_not_have_run"],
    ),
    "a variable before it is set": ("- set: { a: 1, b: '${ a }' }", ["4:23 step_not_run"]),
    "an error that may not be": (
        RIGHT + "  on_error: continue\n- stop: ${ errors.phone.cause }",
        ["8:18 field_may_be_absent"],
    ),
    "an error of a step that ends the run": (RIGHT + "- stop: ${ errors.phone.cause }", ["7:18 field_unknown"]),
    "a step after stop": ("- stop: a\n- stop: b", ["5:3 step_unreachable"]),
    "a step after two stops": (
        "- if: ${ trigger.paid }\n  then: [ { stop: a } ]\n  else: [ { stop: b } ]\n- stop: c",
        ["7:3 step_unreachable"],
    ),
    "a reason that is a number": ("- stop: 5", ["4:9 value_invalid"]),
    "a reason that is true": ("- stop: ${ trigger.paid }", ["4:12 input_type"]),
    "a switch without cases": ("- switch: ${ trigger.id }", ["4:3 key_missing"]),
    "a switch on a fixed text": ("- switch: a\n  cases: { a: [ { stop: b } ] }", ["4:11 value_invalid"]),
    "a case that never fits": ("- switch: ${ trigger.id }\n  cases: { 5: [ { stop: b } ] }", ["5:12 expression_type"]),
    "a case twice": (
        "- switch: ${ trigger.id }\n  cases:\n    a: [ { stop: b } ]\n    a: [ { stop: b } ]",
        ["7:5 key_duplicate"],
    ),
    "bytes": ("- set: { a: \"${ b'x' }\" }", ["4:17 expression_type"]),
    "a function called wrongly": ("- stop: ${ size() }", ["4:12 expression_type"]),
    "a set of nothing": ("- set: {}", ["4:8 value_invalid"]),
    "a set of a name that is taken": ("- set: { event: 1 }", ["4:10 id_invalid"]),
    "a set of the trigger, which others read": (
        "- stop: ${ trigger.from }\n- set: { trigger: 1 }",
        ["5:3 step_unreachable", "5:10 id_invalid"],
    ),
    "a set of an id that a step has, which others read": (
        RIGHT + "- set: { phone: 1 }\n- stop: ${ phone.e164 }",
        ["7:10 id_duplicate"],
    ),
    "an item with the trigger's name": (
        "- for_each: ${ trigger.tags }\n  as: trigger\n  do: [ { set: { a: '${ trigger.from }' } } ]",
        ["5:7 id_invalid"],
    ),
    "a key that YAML reads as a number": ("- set: { a: { 1: b } }", ["4:15 yaml_trap"]),
    "a deadline of nothing": (RIGHT + SEND + "  deadline: 0s", ["11:13 duration_invalid"]),
    "a deadline without a unit": (RIGHT + SEND + "  deadline: 30", ["11:13 duration_invalid"]),
    "a deadline that is a word": (RIGHT + SEND + "  deadline: tomorrow", ["11:13 value_invalid"]),
    "a deadline without an offset": (RIGHT + SEND + "  deadline: 2026-12-24T18:00:00", ["11:13 value_invalid"]),
    "a deadline that is a list": (RIGHT + SEND + "  deadline: [30m]", ["11:13 value_invalid"]),
    "a deadline that is a number": (RIGHT + SEND + "  deadline: ${ trigger.total }", ["11:13 expression_type"]),
    "a deadline that is absent": (RIGHT + SEND + "  deadline: ${ trigger.phone }", ["11:23 field_may_be_absent"]),
    "a deadline of a tool": (RIGHT + "  deadline: 30m", ["7:3 key_unknown"]),
    "a deadline before its wait ends": (
        RIGHT + "- wait: 2h\n" + SEND + "  deadline: 2h",
        ["12:13 deadline_passed"],
    ),
    "a deadline before two waits end": (
        RIGHT
        + "- wait: 40m\n- if: ${ trigger.paid }\n  then: [ { wait: 30m } ]\n  else: [ { wait: 20m } ]\n"
        + SEND
        + "  deadline: 1h",
        ["15:13 deadline_passed"],
    ),
    "on_deadline without a deadline": (RIGHT + SEND + "  on_deadline: continue", ["8:11 deadline_passed"]),
    "on_deadline of another kind": (RIGHT + SEND + "  deadline: 1h\n  on_deadline: ignore", ["12:16 value_invalid"]),
    "the output of what may be too late": (
        RIGHT + SEND + "  deadline: 1h\n  on_deadline: continue\n- stop: ${ sms.id }",
        ["13:12 step_may_not_have_run"],
    ),
    "on_error of another kind": (RIGHT + "  on_error: ignore", ["7:13 value_invalid"]),
    "too many attempts": (RIGHT + SEND + "  retry: { attempts: 101 }", ["11:22 value_invalid"]),
    "attempts that are a text": (RIGHT + SEND + "  retry: { attempts: many }", ["11:22 value_invalid"]),
    "a retry that is a number": (RIGHT + SEND + "  retry: 5", ["11:10 value_invalid"]),
    "a schedule with attempts": (
        RIGHT + SEND + "  retry: { schedule: [10s, 1m], attempts: 3 }",
        ["11:43 value_invalid"],
    ),
    "a schedule that is no list": (RIGHT + SEND + "  retry: { schedule: 10s }", ["11:22 value_invalid"]),
    "an empty schedule": (RIGHT + SEND + "  retry: { schedule: [] }", ["11:22 value_invalid"]),
    "a schedule with a number": (RIGHT + SEND + "  retry: { schedule: [10s, 5] }", ["11:28 duration_invalid"]),
    "a schedule with a week": (RIGHT + SEND + "  retry: { schedule: [10s, 1w] }", ["11:28 value_invalid"]),
    "a misspelled key of retry": (RIGHT + SEND + "  retry: { atempts: 5 }", ["11:12 key_unknown"]),
    "a duration without unit": (RIGHT + SEND + "  timeout: 30", ["11:12 duration_invalid"]),
    "a duration of nothing": (RIGHT + SEND + "  retry: { within: 0s }", ["11:20 duration_invalid"]),
    "a duration that is a list": (RIGHT + SEND + "  timeout: [30s]", ["11:12 duration_invalid"]),
}


def normalized(steps: str) -> str:
    """Steps without the empty lines that joining the pieces left, so that lines can be counted."""
    return "\n".join(line for line in steps.split("\n") if line.strip())


@pytest.mark.parametrize(("text", "expected"), FILES.values(), ids=FILES)
def test_a_wrong_file(text: str, expected: list[str]) -> None:
    """Exactly these faults, at exactly these locations."""
    assert faults_of(text) == expected, texts_of(text)


@pytest.mark.parametrize(("steps", "expected"), STEPS.values(), ids=STEPS)
def test_a_wrong_step(steps: str, expected: list[str]) -> None:
    """Exactly these faults, at exactly these locations."""
    text = flow_text(normalized(steps))
    assert faults_of(text) == expected, texts_of(text)


def test_a_priority_that_is_none() -> None:
    """What there is is told."""
    text = flow_text("- stop: a", head="priority: urgent\n")
    assert faults_of(text) == ["3:11 value_invalid"]
    assert "high" in texts_of(text)
    assert faults_of(flow_text("- stop: a", head="priority: low\n")) == []
