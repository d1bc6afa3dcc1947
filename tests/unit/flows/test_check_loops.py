"""`for_each` as the checker sees it."""

from __future__ import annotations

import pytest

from tests.support.flows import faults_of, flow_text, texts_of

LOOP = """
- for_each: ${ trigger.lines }
  as: line
  limit: 10
  do:
    - id: call
      action: http.call
      with: { method: POST, url: "/${ line.article }", json: "${ line }" }
"""
CALL = "    - id: call\n      action: http.call\n      with: { method: GET, url: / }"

WRONG = {
    "a text": (LOOP.replace("trigger.lines", "trigger.id"), ["4:16 expression_type"]),
    "a number": ("- for_each: 5\n  do: [ { stop: a } ]", ["4:13 expression_type"]),
    "no steps": ("- for_each: ${ trigger.lines }", ["4:3 key_missing"]),
    "an empty list of steps": ("- for_each: ${ trigger.lines }\n  do: []", ["5:7 value_invalid"]),
    "a limit of nothing": (LOOP.replace("limit: 10", "limit: 0"), ["6:10 value_invalid"]),
    "a limit that is too high": (LOOP.replace("limit: 10", "limit: 1001"), ["6:10 value_invalid"]),
    "a limit that is an expression": (LOOP.replace("limit: 10", "limit: ${ 5 }"), ["6:10 value_invalid"]),
    "a misspelled key": (LOOP.replace("as: line", "ass: line"), ["5:3 key_unknown"]),
    "a name that CEL reserves": ("- for_each: ${ trigger.lines }\n  as: in\n  do: [ { stop: a } ]", ["5:7 id_invalid"]),
    "the item's name for a step": (LOOP.replace("id: call", "id: line"), ["5:7 id_duplicate"]),
    "the item's name for a variable": ("- set: { line: 1 }" + LOOP, ["4:10 id_duplicate"]),
    "a misspelled field of the item": (LOOP.replace("line.article", "line.artcle"), ["10:44 field_unknown"]),
    "a field of the item that may be absent": (
        LOOP.replace("line.article", "line.note"),
        ["10:43 field_may_be_absent"],
    ),
    "the item behind the loop": (LOOP + "- stop: ${ line.article }", ["11:12 step_not_run"]),
    "a step inside, behind the loop": (LOOP + "- stop: ${ string(call.status) }", ["11:19 step_not_run"]),
    "a step inside, with has(), behind the loop": (
        LOOP + '- stop: \'${ has(call.status) ? "a" : "b" }\'',
        ["11:17 step_not_run"],
    ),
    "a step inside, before it runs": (
        f"- for_each: ${{ trigger.lines }}\n  do:\n    - stop: ${{ string(call.status) }}\n{CALL}",
        ["6:23 step_not_run", "7:7 step_unreachable"],
    ),
    "a variable set inside only": (
        "- for_each: ${ trigger.lines }\n  do: [ { set: { a: 1 } } ]\n- stop: ${ string(a) }",
        ["6:19 step_may_not_have_run"],
    ),
    "the same item's name inside": (
        (
            "- for_each: ${ trigger.lines }\n  limit: 5\n  do:\n    - for_each: ${ trigger.lines }\n      limit: 5\n"
            "      do: [ { stop: a } ]"
        ),
        ["7:17 id_duplicate"],
    ),
    "too many rounds of rounds": (
        (
            "- for_each: ${ trigger.lines }\n  do:\n    - for_each: ${ trigger.lines }\n      as: other\n"
            "      do: [ { stop: a } ]"
        ),
        ["6:7 loop_limit"],
    ),
    "a wait in a long loop": (
        "- for_each: ${ trigger.lines }\n  limit: 101\n  do:\n    - wait: 1h",
        ["4:3 loop_limit"],
    ),
    "a truth of an earlier round": (
        (
            "- for_each: ${ trigger.lines }\n  do:\n    - if: ${ has(item.note) }\n      then:\n"
            "        - if: ${ has(item.note) }\n          then: [ { stop: a } ]"
        ),
        ["8:18 condition_constant"],
    ),
    "a number of rounds as a text": (
        "- set: { n: 0 }\n" + LOOP + "    - stop: ${ n }\n    - set: { n: '${ n + 1 }' }",
        ["12:16 input_type", "13:7 step_unreachable"],
    ),
    "a field of what an earlier round kept": (
        "- set: { last: '${ trigger.lines[?0].orValue(trigger.lines[?1].value()) }' }\n"
        + LOOP
        + "    - set: { was: '${ last.artcle }', last: '${ line }' }",
        ["12:28 field_unknown"],
    ),
    "a number and a text, put together": (
        "- set: { n: 0 }\n" + LOOP + "    - set: { m: '${ n + line.article }', n: '${ n + 1 }' }",
        ["12:23 expression_type"],
    ),
    "a number or a list, as a text": (
        "- set: { n: 0 }\n" + LOOP + "    - action: sms.send\n      connection: gateway\n"
        "      with: { to: '+351912345678', text: '${ n }', consent: true }\n"
        "    - set: { n: '${ trigger.tags }' }",
        ["14:46 input_type"],
    ),
    "a number behind loops in loops in loops in loops": (
        "- set: { n: 0, t: 1 }\n"
        + "".join(
            f"{'    ' * i}- for_each: ${{ trigger.lines }}\n{'    ' * i}  as: l{i}\n{'    ' * i}  limit: 2\n{'    ' * i}  do:\n"
            for i in range(4)
        )
        + f"{'    ' * 4}- set: {{ n: '${{ n + 1 }}' }}\n- stop: ${{ t }}",
        ["22:12 input_type"],
    ),
    "a secret in the list": (
        "- for_each: [ghp_0123456789abcdefghijABCDEFGHIJ012345]\n  do: [ { stop: a } ]",
        ["4:14 secret_in_flow"],
    ),
}

RIGHT = {
    "a list of objects": LOOP,
    "a list that stands in the flow": "- for_each: [1, 2]\n  do: [ { set: { a: '${ item + 1 }' } } ]",
    "any value": "- for_each: ${ trigger.raw.list }\n  do: [ { set: { a: '${ item.b }' } } ]",
    "a sum": "- set: { sum: 0 }\n" + LOOP + "    - set: { sum: '${ sum + line.count }' }\n- stop: ${ string(sum) }",
    "one after the other with the same name": LOOP + LOOP.replace("id: call", "id: again"),
    "inside each other": "- for_each: ${ trigger.lines }\n  limit: 10\n  do:\n    - for_each: ${ trigger.tags }\n      as: tag\n"
    "      do: [ { set: { a: '${ item.article + tag }' } } ]",
    "a wait in a short loop": "- for_each: ${ trigger.lines }\n  limit: 100\n  do:\n    - wait: 1h",
    "a stop inside, and more behind": LOOP + "    - if: ${ line.count > 3 }\n      then: [ { stop: a } ]\n- stop: b",
    "a condition on a variable that the loop changes": "- set: { found: false }\n- for_each: ${ trigger.lines }\n  do:\n"
    "    - if: ${ !found }\n      then:\n        - set: { found: '${ item.count > 2 }' }\n- if: ${ found }\n  then: [ { stop: a } ]",
    "a name that is set to another type in each round": "- set: { n: 0 }\n- for_each: ${ trigger.lines }\n  do:\n"
    "    - set: { was: '${ n }', n: '${ item.article }' }\n    - set: { n: '${ item.count }' }",
    "types that change places": "- set: { a: 1, b: x, c: true }\n- for_each: ${ trigger.lines }\n  do:\n"
    "    - set: { a: '${ b }', b: '${ c }', c: '${ a }' }\n- action: sms.send\n  connection: gateway\n"
    "  with: { to: '+351912345678', text: '${ a }', consent: '${ a }' }",
    "a name that grows": "- set: { seen: [] }\n- for_each: ${ trigger.lines }\n  do:\n"
    "    - set: { seen: '${ seen + [item.article] }' }\n- set: { told: '${ seen.join(\", \") }' }",
    "one way any value, the other a number": "- if: ${ trigger.paid }\n  then: [ { set: { a: '${ trigger.raw.x }' } } ]\n"
    "  else: [ { set: { a: 1 } } ]\n- stop: ${ a }",
    "loops in loops in loops in loops": "- set: { n: 0 }\n"
    + "".join(
        f"{'    ' * i}- for_each: ${{ trigger.lines }}\n{'    ' * i}  as: l{i}\n{'    ' * i}  limit: 2\n{'    ' * i}  do:\n"
        for i in range(7)
    )
    + f"{'    ' * 7}- set: {{ n: '${{ n + 1 }}' }}",
    "a failure looked at in its round": LOOP + "      on_error: continue\n    - if: ${ has(errors.call) }\n"
    "      then: [ { stop: '${ errors.call.cause }' } ]",
}


@pytest.mark.parametrize(("steps", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_loop(steps: str, expected: list[str]) -> None:
    """Exactly these faults, at exactly these locations."""
    text = flow_text("\n".join(line for line in steps.split("\n") if line.strip()))
    assert faults_of(text) == expected, texts_of(text)


@pytest.mark.parametrize("steps", RIGHT.values(), ids=RIGHT)
def test_a_right_loop(steps: str) -> None:
    """No fault."""
    text = flow_text("\n".join(line for line in steps.split("\n") if line.strip()))
    assert faults_of(text) == [], texts_of(text)
