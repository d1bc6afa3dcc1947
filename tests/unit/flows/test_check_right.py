"""Right flows, which the checker must not refuse."""

from __future__ import annotations

import pytest

from services.flows.compile import compile_flow
from services.flows.types import TypedEnvironments
from tests.support.flows import TOOLS, faults_of, flow_text, source, texts_of

PHONE = """
- id: phone
  tool: phone.format
  with: { number: "${ trigger.from }" }
"""
CALL = """
- id: call
  action: http.call
  with: { method: GET, url: / }
"""

STEPS = {
    "a tool without id": "- tool: phone.format\n  with: { number: a, region: ES }",
    "a text in quotes": '- tool: phone.format\n  with: { number: "912345678" }',
    "an expression in a block": "- tool: phone.format\n  with:\n    number: |\n      ${ trigger.from }",
    "a plain ${": "- stop: costs $${ 5",
    "braces and quotes inside an expression": """- stop: "${ {'a}': '}'}['a}'] }" """,
    "an expression over several lines": "- stop: >-\n    ${ trigger.from +\n    trigger.id }",
    "a phone from a tool": PHONE
    + '- action: sms.send\n  connection: gateway\n  with: { to: "${ phone.e164 }", text: a, consent: true }',
    "a phone that stands in the flow": "- action: sms.send\n  connection: gateway\n"
    '  with: { to: "+351912345678", text: a, consent: true }',
    "a phone or another": PHONE + "- action: sms.send\n  connection: gateway\n"
    "  with: { to: '${ trigger.paid ? phone.e164 : phone.e164 }', text: a, consent: '${ trigger.paid }' }",
    "a whole number for a number": PHONE + "- action: sms.send\n  connection: gateway\n"
    '  with: { to: "${ phone.e164 }", text: a, consent: true, price: 5, parts: "${ trigger.lines.size() }" }',
    "objects as they came": PHONE + "- action: sms.send\n  connection: gateway\n"
    '  with: { to: "${ phone.e164 }", text: a, consent: true, lines: "${ trigger.lines }" }',
    "objects written out": PHONE + "- action: sms.send\n  connection: gateway\n"
    '  with: { to: "${ phone.e164 }", text: a, consent: true, lines: [ { article: a, count: 1, note: null } ] }',
    "any value for any value": '- action: http.call\n  with: { method: GET, url: /, json: { a: ["${ trigger.raw }", 1] } }',
    "one of several types": '- action: http.call\n  with: { method: GET, url: /, query: { a: x, b: 1, c: "${ trigger.paid }" } }',
    "an optional for an optional": '- action: http.call\n  with: { method: GET, url: /, json: "${ trigger.?phone }" }',
    "null for an optional": "- action: http.call\n  with: { method: GET, url: /, query: null }",
    "a map of texts": "- stop: \"${ trigger.notes['a'] }\"",
    "numbers, truth values and times in a text": '- stop: "${ trigger.total } ${ trigger.paid } ${ timestamp(event.time) }"',
    "has() and then the field": "- if: ${ has(trigger.phone) }\n  then:\n    - stop: ${ trigger.phone }",
    "not has() and the other way": "- if: ${ !has(trigger.phone) }\n  then: [ { stop: a } ]\n- stop: ${ trigger.phone }",
    "has() in the same expression": "- stop: \"${ has(trigger.phone) && trigger.phone != '' ? trigger.phone : 'none' }\"",
    "has() or the opposite": "- if: ${ !has(trigger.phone) || trigger.phone == '' }\n  then: [ { stop: a } ]\n- stop: b",
    "has() of both": "- if: ${ has(trigger.address) && has(trigger.address.zip_code) }\n"
    "  then:\n    - stop: ${ trigger.address.zip_code }",
    "has() in a list": '- stop: "${ trigger.lines.filter(l, has(l.note)).map(l, l.article).join() }"',
    "has() of one element": '- stop: "${ has(trigger.lines[0].note) ? trigger.lines[0].note : trigger.id }"',
    "a default": '- stop: ${ trigger.?phone.orValue("none") }',
    "a default two steps down": '- stop: ${ trigger.?address.?zip_code.orValue("none") }',
    "when, and what follows": "- stop: ${ trigger.phone }",
    "anything of any value": CALL + "- stop: ${ call.json.what.ever[0] }",
    "dyn for what the shape does not name": '- stop: ${ dyn(trigger)["utm-source"] }',
    "a step of both branches' past": PHONE
    + "- if: ${ phone.valid }\n  then:\n    - set: { a: 1 }\n  else:\n    - set: { a: 2 }\n- stop: ${ string(a) }",
    "a branch that stops": "- if: ${ trigger.paid }\n  then: [ { stop: a } ]\n  else:\n    - id: phone\n"
    "      tool: phone.format\n      with: { number: a }\n- stop: ${ phone.e164 }",
    "a step that may not have run, guarded": "- if: ${ trigger.paid }\n  then:\n    - id: phone\n      tool: phone.format\n"
    "      with: { number: a }\n- if: ${ has(phone.e164) }\n  then:\n    - stop: ${ phone.e164 }",
    "a step that may not have run, with a default": "- if: ${ trigger.paid }\n  then:\n    - id: phone\n"
    '      tool: phone.format\n      with: { number: a }\n- stop: ${ phone.?e164.orValue("none") }',
    "a failure looked at": CALL + "  on_error: continue\n- if: ${ has(errors.call) }\n  then:\n"
    "    - stop: ${ errors.call.cause }\n- stop: ${ string(call.status) }",
    "a failure's own steps": CALL + "  on_error:\n    - stop: ${ errors.call.cause }\n- stop: ${ string(call.status) }",
    "a failure's steps that go on": CALL + "  on_error:\n    - set: { a: 1 }\n- stop: done",
    "a switch with all ways": "- switch: ${ trigger.id }\n  cases:\n    a:\n      - set: { x: 1 }\n    b: [ { stop: c } ]\n"
    "  default:\n    - set: { x: 2 }\n- stop: ${ string(x) }",
    "a switch on a number": "- switch: ${ trigger.lines.size() }\n  cases:\n    0: [ { stop: a } ]\n    1.0: [ { stop: b } ]",
    "a switch on true and false": "- switch: ${ trigger.paid }\n  cases:\n    true: [ { stop: a } ]\n    false: [ { stop: b } ]",
    "a variable set twice": "- set: { a: 1 }\n- set: { a: '${ a + 1 }' }\n- stop: ${ string(a) }",
    "a variable's fields": "- set: { a: { b: '${ trigger.id }' } }\n- stop: ${ a.b }",
    "an anchor used twice": "- set: { a: &x 1, b: *x }",
    "a schedule": CALL + "  retry: { schedule: [10s, 1m, 10m, 3d], within: 4d }",
    "a deadline": CALL + "  deadline: 30m",
    "a deadline that is a moment": CALL + "  deadline: 2026-12-24T18:00:00+01:00",
    "a deadline that is counted": CALL + """  deadline: ${ timestamp(event.time) + duration("48h") }""",
    "a deadline of the event's own": CALL + "  deadline: ${ trigger.id }",
    "a deadline of a text": CALL + '  deadline: "${ trigger.id }T18:00:00Z"',
    "a call that is too late": CALL
    + "  deadline: 30m\n  on_deadline: continue\n- if: ${ has(errors.call) }\n  then:\n    - stop: ${ errors.call.cause }\n"
    "- stop: ${ string(call.status) }",
    "steps for a call that is too late": CALL
    + "  deadline: 30m\n  on_deadline:\n    - stop: ${ errors.call.cause }\n- stop: ${ string(call.status) }",
    "steps for both": CALL
    + "  deadline: 30m\n  on_deadline: [ { stop: late } ]\n  on_error: [ { stop: ill } ]\n- stop: ${ string(call.status) }",
    "a deadline after the wait": "- wait: 10m\n" + CALL + "  deadline: 11m",
    "a wait that can be ended": "- wait: 2h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.from }', then: continue }\n"
    + CALL
    + "  deadline: 1h",
    "a wait on one way": "- if: ${ trigger.paid }\n  then: [ { wait: 2h } ]\n" + CALL + "  deadline: 1h",
    "a deadline of the flow": "- wait: 10m\n" + CALL + "  on_deadline:\n    - wait: 2h\n    - action: http.call\n"
    "      with: { method: GET, url: / }",
    "retry and timeout": CALL + "  retry: { attempts: 8, within: 1h30m }\n  timeout: 2.5s",
    "a list that an expression makes": '- action: http.call\n  with: { method: GET, url: /, expect: "${ [200, 201] }" }',
    "an optional in a list": '- action: http.call\n  with: { method: GET, url: /, json: ["${ trigger.?phone }"] }',
    "a name hidden by a list's rule": "- stop: \"${ trigger.tags.map(phone, phone + 'x').join() }\"",
    "a value kept in an expression": "- stop: ${ cel.bind(x, trigger.id, x + x) }",
}
HEADS = {
    "a deadline of the flow": "deadline: 1h\n",
    "when, and what follows": 'when: ${ has(trigger.phone) && event.account == "default" }\nkey: "order ${ trigger.id }"\n',
}


@pytest.mark.parametrize("name", STEPS)
def test_a_right_flow(name: str) -> None:
    """No fault, and what passes the check can be compiled."""
    text = flow_text(STEPS[name].lstrip("\n"), head=HEADS.get(name, ""))
    assert faults_of(text) == [], texts_of(text)
    compile_flow(source(text), TOOLS)


def test_several_triggers_give_what_all_have() -> None:
    """A field of every trigger is there; one of some needs has(); one of different types is any value."""
    on = "[shop.ordered, shop.visited]"
    assert faults_of(flow_text("- stop: ${ trigger.id }", on=on)) == []
    assert faults_of(flow_text("- stop: ${ trigger.page }", on=on)) == ["4:19 field_may_be_absent"]
    assert faults_of(flow_text("- if: ${ trigger.total > 1 }\n  then: [ { stop: a } ]", on=on)) == []


def test_connections_are_checked_only_where_they_are_known() -> None:
    """Without a connections file every name passes."""
    text = flow_text('- action: sms.send\n  connection: any\n  with: { to: "+351912345678", text: a, consent: true }')
    assert faults_of(text, None) == []
    assert faults_of(text, ()) == ["5:15 connection_unknown"]


def test_more_flows_of_the_same_names_make_no_more_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """CEL's types are made anew for each new object: a set of many flows would cost its square."""
    made = 0
    fill = TypedEnvironments._filled_pool

    def counted(types: TypedEnvironments) -> object:
        nonlocal made
        made += 1
        return fill(types)

    monkeypatch.setattr(TypedEnvironments, "_filled_pool", counted)
    text = flow_text(PHONE + "- stop: ${ phone.e164 }\n", on="[shop.ordered, shop.visited]").replace(
        "trigger.from", "trigger.id"
    )

    def pools(flows: int) -> int:
        nonlocal made
        made = 0
        assert faults_of("---\n".join(text.replace("tried", f"f{number}") for number in range(flows))) == []
        return made

    assert pools(12) == pools(2)
