"""Each kind of step as the rest of the language asks it: where its steps stand, its ways, values, names, and words."""

from __future__ import annotations

import pytest

from services.flows.steps.kind import Description, Look, Step, walk
from services.project.catalogue import catalogue
from tests.support.flows import CATALOGUE, faults_of, flow_text, source

FLOW = """
- id: phone
  tool: phone.format
  with: { number: a }
  on_error:
    - set: { a: 1, b: 2 }
- tool: phone.format
  with: { number: b }
  on_error: continue
- id: call
  action: http.call
  connection: gateway
  with: { method: GET, url: / }
  retry: { attempts: 3, within: 1h }
  timeout: 90s
  writes: { id: "${ trigger.id }", fields: { name: x } }
  on_error:
    - set: { c: 1 }
- action: http.call
  with: { method: GET, url: / }
- if: ${ trigger.paid }
  then:
    - stop: it is paid
  else:
    - set: { d: 1 }
- switch: ${ trigger.id }
  cases:
    a: [ { set: { e: 1 } }, { set: { f: 1 } } ]
    true: [ { set: { g: 1 } } ]
    null: [ { set: { h: 1 } } ]
    5: [ { set: { i: 1 } } ]
  default:
    - set: { j: 1 }
- for_each: ${ trigger.tags }
  as: tag
  limit: 5
  do:
    - set: { k: "${ tag }" }
    - wait: 1h
- for_each: [1]
  do:
    - set: { l: 1 }
- wait: { until: "2026-06-01T00:00Z", working_hours: { zone: Europe/Lisbon, days: mon-fri } }
  cancel_on:
    trigger: shop.visited
    key: ${ trigger.from }
    match: ${ trigger.page }
    then:
      - set: { m: 1 }
- wait: 2h
  cancel_on: { trigger: shop.ordered, key: "${ trigger.id }", then: continue }
- wait: 2h
  cancel_on: { trigger: shop.ordered, key: "${ trigger.id }" }
- wait: { for: 3h }
- stop: the end
"""
STEPS = source(flow_text(FLOW)).flow.steps
BY_PATH = {step.path: step for step in walk(STEPS)}


def test_every_step_has_a_path_of_its_own() -> None:
    """In the order of the file, with the way that it stands on; and its place."""
    assert [step.path for step in walk(STEPS)] == [
        *("0", "0.on_error.0", "1", "2", "2.on_error.0", "3", "4", "4.then.0", "4.else.0"),
        *("5", "5.cases.0.0", "5.cases.0.1", "5.cases.1.0", "5.cases.2.0", "5.cases.3.0", "5.default.0"),
        *("6", "6.do.0", "6.do.1", "7", "7.do.0", "8", "8.cancel_on.0", "9", "10", "11", "12"),
    ]
    lines = flow_text(FLOW).splitlines()
    for step in walk(STEPS):
        assert lines[step.location.line - 1][step.location.col - 1 :].startswith(
            (f"{step.kind}:", "id: phone", "id: call", f"{{ {step.kind}:")
        )


# path → of each way: its name, its label where it has another, what it says of itself, how many steps stand on it
WAYS = {
    "0": [("done", "", "traced drawn", 0), ("on_error", "", "traced drawn", 1)],
    "1": [("done", "", "traced", 0), ("on_error", "", "traced", 0)],
    "2": [("done", "", "traced drawn", 0), ("on_error", "", "traced drawn", 1)],
    "3": [],
    "4": [("then", "", "traced drawn", 1), ("else", "", "traced drawn", 1)],
    "5": [
        ("case a", "a", "traced drawn", 2),
        ("case true", "true", "traced drawn", 1),
        ("case null", "null", "traced drawn", 1),
        ("case 5", "5", "traced drawn", 1),
        ("default", "", "traced drawn", 1),
    ],
    "6": [("each", "", "drawn", 2), ("no more", "", "drawn", 0)],
    "8": [("due", "", "traced drawn", 0), ("cancelled", "", "traced drawn", 1)],
    "9": [("due", "", "traced drawn", 0), ("cancelled", "", "traced drawn", 0)],
    "10": [("due", "", "traced drawn", 0), ("cancelled", "", "ends traced drawn", 0)],
    "11": [],
    "12": [],
    "0.on_error.0": [],
}


@pytest.mark.parametrize("path", WAYS)
def test_the_ways_on_from_a_step(path: str) -> None:
    """As traces and coverage call them, and as pictures do."""
    assert [
        (
            way.name,
            way.label,
            " ".join(name for name in ("ends", "traced", "drawn") if getattr(way, name)),
            len(way.steps),
        )
        for way in BY_PATH[path].ways()
    ] == WAYS[path]


DESCRIPTIONS = {
    "0": Description("phone: phone.format", ("number: a",)),
    "1": Description("phone.format", ("number: b", "goes on when it fails")),
    "2": Description(
        "call: http.call",
        (
            "connection gateway",
            "method: GET",
            "url: /",
            "tried 3 times within 1h",
            "at most 1m30s a call",
            "sets name in gateway, by id ${ trigger.id }",
        ),
        Look.CALL,
    ),
    "3": Description("http.call", ("method: GET", "url: /"), Look.CALL),
    "4": Description("if trigger.paid", (), Look.CHOICE),
    "5": Description("switch trigger.id", (), Look.CHOICE),
    "6": Description("for each tag of trigger.tags"),
    "8": Description(
        "wait until 2026-06-01T00:00Z, until working hours in Europe/Lisbon",
        ("ended by shop.visited with ${ trigger.from }",),
        Look.WAIT,
    ),
    "10": Description("wait 2h", ("ended by shop.ordered with ${ trigger.id }",), Look.WAIT),
    "11": Description("wait 3h", (), Look.WAIT),
    "12": Description("stop: the end", (), Look.STOP, ends=True),
    "0.on_error.0": Description("set", ("a: 1", "b: 2")),
}


@pytest.mark.parametrize("path", DESCRIPTIONS)
def test_a_step_in_words(path: str) -> None:
    """As pictures show it."""
    assert BY_PATH[path].describe() == DESCRIPTIONS[path]


def test_what_the_rest_of_the_language_asks() -> None:
    """Names that it gives, that only its steps see; whether it may fail and go on, and wait for days; what it calls."""

    def told(step: Step) -> list[object]:
        call = step.call()
        return [
            step.output and step.output.text,
            step.item and step.item.text,
            [word.text for word in step.variables()],
            [word.text for word in step.triggers()],
            step.survivable,
            step.waits,
            call and (call.path, call.action.text, call.connection and call.connection.text),
            step.label,
        ]

    assert {path: told(step) for path, step in BY_PATH.items() if path in DESCRIPTIONS} == {
        "0": ["phone", None, [], [], True, False, None, "phone"],
        "1": [None, None, [], [], True, False, None, "tool 1"],
        "2": ["call", None, [], [], True, False, ("2", "http.call", "gateway"), "call"],
        "3": [None, None, [], [], False, False, ("3", "http.call", None), "action 3"],
        "4": [None, None, [], [], False, False, None, "if 4"],
        "5": [None, None, [], [], False, False, None, "switch 5"],
        "6": [None, "tag", [], [], False, False, None, "for_each 6"],
        "8": [None, None, [], ["shop.visited"], False, True, None, "wait 8"],
        "10": [None, None, [], ["shop.ordered"], False, True, None, "wait 10"],
        "11": [None, None, [], [], False, True, None, "wait 11"],
        "12": [None, None, [], [], False, False, None, "stop 12"],
        "0.on_error.0": [None, None, ["a", "b"], [], False, False, None, "set 0.on_error.0"],
    }
    assert BY_PATH["7"].item is not None
    assert BY_PATH["7"].item.text == "item"
    assert BY_PATH["0"].entries(CATALOGUE) == CATALOGUE.tools
    assert BY_PATH["2"].entries(CATALOGUE) == CATALOGUE.actions
    assert BY_PATH["4"].entries(CATALOGUE) is None


SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
HIDDEN = f"${{ '{SECRET}' + trigger.id }}"
PLAIN = "${ trigger.id }"
CANCEL = 'cancel_on: { trigger: shop.ordered, key: "%s", match: "%s" }'
VALUES = {
    "an input of a tool": f'- tool: phone.format\n  with: {{ number: "{SECRET}" }}',
    "an input of an action": f'- action: http.call\n  with: {{ method: GET, url: /, json: "{SECRET}" }}',
    "what a call writes": (
        "- action: http.call\n  connection: gateway\n  with: { method: GET, url: / }\n"
        f'  writes: {{ id: "${{ trigger.id }}", fields: {{ a: "{SECRET}" }} }}'
    ),
    "by what a call writes": (
        "- action: http.call\n  connection: gateway\n  with: { method: GET, url: / }\n"
        f'  writes: {{ id: "{HIDDEN}", fields: {{ a: b }} }}'
    ),
    "a condition": f"- if: ${{ trigger.id == '{SECRET}' }}\n  then: [ {{ stop: a }} ]",
    "what is compared": f'- switch: "{HIDDEN}"\n  cases: {{ a: [ {{ stop: a }} ] }}',
    "a list": f"- for_each: [{SECRET}]\n  do: [ {{ stop: a }} ]",
    "a variable": f"- set: {{ a: {SECRET} }}",
    "a reason": f"- stop: {SECRET}",
    "a length": f'- wait: "{HIDDEN}"',
    "a moment": f'- wait: {{ until: "{HIDDEN}" }}',
    "the key of a wait": f"- wait: 1h\n  {CANCEL % (HIDDEN, PLAIN)}",
    "the key of an event": f"- wait: 1h\n  {CANCEL % (PLAIN, HIDDEN)}",
    "a step on another way": f"- if: ${{ trigger.paid }}\n  then: [ {{ stop: a }} ]\n  else: [ {{ stop: {SECRET} }} ]",
}


@pytest.mark.parametrize("steps", VALUES.values(), ids=VALUES)
def test_a_secret_is_found_wherever_a_value_can_stand(steps: str) -> None:
    """Once."""
    found = [fault.split()[1] for fault in faults_of(flow_text(steps))]
    assert found.count("secret_in_flow") == 1, found


def test_actions_and_tools_of_the_catalogue_are_offered() -> None:
    """The names that an editor shows."""
    known = catalogue()
    assert "http.request" in (BY_PATH["2"].entries(known) or ())
    assert "phone.format" in (BY_PATH["0"].entries(known) or ())
