"""What authors read of each mistake, word by word: `python -m tests.support.fault_texts` writes it anew.

The mistakes are those of the checker's tests, which say where each is found, and some that only have other words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.flows import flow_text, texts_of
from tests.unit.flows import test_check_loops, test_check_wrong, test_wait

FILE = Path(__file__).parents[1] / "data" / "fault_texts.txt"
SMS = (
    "- action: sms.send\n  connection: gateway\n  with: { to: '+351912345678', text: a, consent: true }\n  writes: %s\n"
)
CALL = "- id: call\n  action: http.call\n  with: { method: GET, url: / }\n  on_error: continue\n"

# name → steps
MORE = {
    "a retry of what must not be repeated": "- action: ring\n  with: { name: a }\n  retry: { attempts: 3 }",
    "an id that no step can have": "- tool: phone.format\n  id: my-phone\n  with: { number: a }",
    "a tool that is a list": "- tool: [phone.format]",
    "an action that is a number": "- action: 5",
    "a connection that is a list": "- action: http.call\n  connection: [a]\n  with: { method: GET, url: / }",
    "an id that is a number": "- id: 5\n  tool: phone.format\n  with: { number: a }",
    "an id of an action that is none": "- id: my-call\n  action: http.call\n  with: { method: GET, url: / }",
    "inputs of an action that are a list": "- action: http.call\n  with: [a]",
    "on_error that is a map": "- action: http.call\n  with: { method: GET, url: / }\n  on_error: { stop: a }",
    "on_error without a step": "- tool: phone.format\n  with: { number: a }\n  on_error: []",
    "on_error that holds no step": "- action: http.call\n  with: { method: GET, url: / }\n  on_error: [a]",
    "then that is no list": "- if: ${ trigger.paid }\n  then: stop",
    "else that is no list": "- if: ${ trigger.paid }\n  then: [ { stop: a } ]\n  else: stop",
    "default that is no list": "- switch: ${ trigger.id }\n  cases: { a: [ { stop: b } ] }\n  default: stop",
    "a case that is no list": "- switch: ${ trigger.id }\n  cases: { a: stop }",
    "do that is no list": "- for_each: ${ trigger.tags }\n  do: stop",
    "then of a wait without a step": (
        "- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', then: [] }"
    ),
    "an item that is a list": "- for_each: ${ trigger.tags }\n  as: [a]\n  do: [ { stop: a } ]",
    "a limit that is true": "- for_each: ${ trigger.tags }\n  limit: true\n  do: [ { stop: a } ]",
    "a limit that is a list": "- for_each: ${ trigger.tags }\n  limit: [5]\n  do: [ { stop: a } ]",
    "a list that is a map": "- for_each: { a: b }\n  do: [ { stop: a } ]",
    "a zone that is a number": "- wait: { until: '2026-06-01', zone: 5 }",
    "a zone of working hours that is a list": "- wait: { working_hours: { zone: [UTC] } }",
    "a zone that is none": "- wait: { until: '2026-06-01', zone: Lisboa }",
    "a trigger of a wait that is a list": "- wait: 1h\n  cancel_on: { trigger: [a], key: '${ trigger.id }' }",
    "a system that is a list": SMS % "{ system: [a], id: '${ trigger.id }', fields: { a: b } }",
    "a misspelled key of writes": SMS % "{ idd: '${ trigger.id }', fields: { a: b } }",
    "a misspelled key of working hours": "- wait: { working_hours: { zone: UTC, dayz: mon } }",
    "a misspelled key of cancel_on": ("- wait: 1h\n  cancel_on: { triger: shop.ordered, key: '${ trigger.id }' }"),
    "a key of a wait that no wait has": "- wait: { for: 1h, forever: true }",
    "a time within": "- action: http.call\n  with: { method: GET, url: / }\n  retry: { within: soon }",
    "attempts that are true": "- action: http.call\n  with: { method: GET, url: / }\n  retry: { attempts: true }",
    "no attempts": "- action: http.call\n  with: { method: GET, url: / }\n  retry: { attempts: 0 }",
    "attempts that are a list": "- action: http.call\n  with: { method: GET, url: / }\n  retry: { attempts: [1] }",
    "a schedule of a hundred waits": (
        f"- action: http.call\n  with: {{ method: GET, url: / }}\n  retry: {{ schedule: [{', '.join(['1s'] * 100)}] }}"
    ),
    "a reason that is a map": "- stop: { a: b }",
    "a set of a text": "- set: a",
    "a set of two names that are none": "- set: { a-b: 1, in: 2 }",
    "writes of nothing": SMS % "{}",
    "writes that are a text": SMS % "phone",
    "writes without a system": "- action: http.call\n  with: { method: GET, url: / }\n  writes: { id: a, fields: {} }",
    "writes of fields that are a list": SMS % "{ id: '${ trigger.id }', fields: [a] }",
    "writes of an id that is a list": SMS % "{ id: '${ trigger.tags }', fields: { a: b } }",
    "writes of what is known": "- action: closum.contact.add_tag_by_email\n  writes: { id: a }",
    "an error of nobody": "- stop: ${ errors.phoen.cause }",
    "an error of another step": CALL + "- stop: ${ errors.cal.cause }",
    "working hours of nowhere": "- wait: { working_hours: { zone: Lisboa } }",
    "days that are a map": "- wait: { working_hours: { zone: UTC, days: { mon: fri } } }",
    "no days": "- wait: { working_hours: { zone: UTC, days: [] } }",
    "days, of which one is a map": "- wait: { working_hours: { zone: UTC, days: [mon, { a: b }] } }",
    "no hours": "- wait: { working_hours: { zone: UTC, hours: [] } }",
    "no holidays": "- wait: { working_hours: { zone: UTC, holidays: [[]] } }",
    "a moment that is a list": "- wait: { until: [a] }",
    "a moment that is a number": "- wait: { until: '${ trigger.total }' }",
    "a moment without a zone": "- wait: { until: '2026-06-01T10:00:00' }",
    "a moment within a text": "- wait: { until: 'at ${ trigger.lines }' }",
    "a duration that is true": "- wait: ${ trigger.paid }",
    "a duration within a text": "- wait: '${ trigger.lines } h'",
    "a duration that is a map": "- wait: { for: { a: b } }",
    "a key that ends a wait and is a list": (
        "- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.tags }' }"
    ),
    "a match of a field that no event has": (
        "- wait: 1h\n  cancel_on: { trigger: shop.visited, key: '${ trigger.id }', match: '${ event.sbject }' }"
    ),
    "a match of a field that may be absent": (
        "- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', match: '${ trigger.phone }' }"
    ),
    "a match of a step": (
        "- set: { a: x }\n- wait: 1h\n  cancel_on: { trigger: shop.visited, key: '${ trigger.id }', match: '${ a }' }"
    ),
    "a loop of a hundred and one waits": (
        "- for_each: ${ trigger.tags }\n  limit: 3\n  do:\n    - for_each: ${ trigger.tags }\n      as: tag\n"
        "      limit: 34\n      do: [ { wait: 1h } ]"
    ),
    "a case that is never the value": "- switch: ${ trigger.total }\n  cases: { a: [ { stop: b } ] }",
    "a case that is half of something whole": (
        "- switch: ${ trigger.lines.size() }\n  cases: { 1.5: [ { stop: b } ] }"
    ),
    "a case that another condition excludes": (
        "- if: ${ trigger.id == 'a' }\n  then: [ { stop: b } ]\n"
        "- switch: ${ trigger.id }\n  cases: { a: [ { stop: b } ] }"
    ),
    "a subject that is a list": "- switch: [a]\n  cases: { a: [ { stop: b } ] }",
    "cases that are a list": "- switch: ${ trigger.id }\n  cases: [a]",
}


def mistakes() -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    """Each with its name, its file, and the connections that there are."""
    known = ("gateway",)
    for name, (text, _) in test_check_wrong.FILES.items():
        yield f"file: {name}", text, known
    for name, (steps, _) in test_check_wrong.STEPS.items():
        yield f"step: {name}", flow_text(test_check_wrong.normalized(steps)), known
    for name, (steps, _) in test_check_loops.WRONG.items():
        yield f"loop: {name}", flow_text(test_check_wrong.normalized(steps)), known
    for steps, _ in test_wait.WRONG:
        yield f"wait: {' '.join(steps.split())}", flow_text(f"{steps}\n- stop: end"), known
    for name, steps in MORE.items():
        yield f"more: {name}", flow_text(steps), known
    any_name = "- action: http.call\n  connection: 'My CRM'\n  with: { method: GET, url: / }"
    yield "more: a name that no connection can have", flow_text(any_name), None


def told() -> dict[str, str]:
    """What is read of each."""
    return {name: texts_of(text, known) for name, text, known in mistakes()}


def written() -> dict[str, str]:
    """What was written down of each."""
    parts = (part.partition("\n") for part in FILE.read_text().strip().split("\n\n"))
    return {name: texts for name, _, texts in parts}


if __name__ == "__main__":
    FILE.write_text("\n\n".join(f"{name}\n{texts}" for name, texts in told().items()) + "\n")
