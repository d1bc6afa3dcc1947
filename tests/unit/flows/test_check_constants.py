"""What stands in a flow and can never work is found before the first run, and not only by the first one."""

from __future__ import annotations

import pytest

from services.flows.check import check
from services.flows.load import load_text
from services.project.catalogue import catalogue
from tests.support.flows import flow_text

REAL = catalogue()
ROUND = "tool: round_robin\n  with: { list: a, values: [ana, rui], %s }"
FORMAT = "tool: text.format\n  with: { template: '%s', values: { name: '${ trigger.name }' } }"
DATE = "tool: date.format\n  with: { at: '${ event.time }', format: '%s' }"
SMS = "action: closum.sms.send\n  connection: closum\n  with: { recipient: '%s', message: a }"


def told(step: str) -> list[str]:
    """What is wrong, with the real catalogue."""
    sources, faults = load_text(flow_text(f"- {step}", on="closum.lead.created"))
    return [fault.text for fault in [*faults, *check(sources, REAL)]]


WRONG = {
    ROUND % "weights: { zoe: 2 }": "weights names 'zoe'",
    ROUND % "weights: { ana: 0, rui: 0 }": "nobody would get a turn",
    ROUND % "hours: { zoe: { zone: UTC } }": "hours names 'zoe'",
    DATE % "dd/mm/yyyy": "has minutes without hours: months are M or MM",
    DATE % "%d/%m/%Y": "has the letters of another language",
    DATE % "dd of MMMM": "means nothing",
    "tool: date.parse\n  with: { text: '${ trigger.name }', formats: [dd/MM/yyyy, dd/mm/yyyy] }": "minutes without hours",
    "tool: date.parse\n  with: { text: a, formats: ['%d/%m/%Y'] }": "has the letters of another language",
    FORMAT % "{{ name": "the template cannot be filled: syntax error",
    FORMAT % "{{ nome }}": "names 'nome', which has no value: did you mean 'name'?",
    FORMAT % "{{ name | titel }}": "a filter that is not there: 'titel'",
    "tool: list.map\n  with: { items: [a], template: '{{ itm }}' }": "did you mean 'item'?",
    "tool: json.pick\n  with: { value: '${ trigger.raw }', path: 'a[' }": "path: the path 'a[' cannot be read",
    "tool: lookup\n  with: { key: a, table: [{ k: a }], key_field: 'k[' }": "cannot be read",
    "tool: storage.set\n  with: { key: a, value: 1, keep: 0d }": "must be longer than nothing",
    "tool: storage.set\n  with: { key: a, value: 1, keep: 5000d }": "at most ten years",
    "tool: throttle\n  with: { key: a, most: 1, per: 0s }": "must be longer than nothing",
    SMS % "912345678": "is no number of any country: begin with the country code",
    SMS % "+12345678": "is no number of any country",
}  # fmt: skip


@pytest.mark.parametrize("step", WRONG)
def test_what_can_never_work_is_found(step: str) -> None:
    """Once, and by what is wrong with it."""
    found = told(step)
    assert len(found) == 1, found
    assert WRONG[step] in found[0]


RIGHT = (
    ROUND % "weights: { ana: 0 }, hours: { rui: { zone: UTC } }",
    DATE % "dd/MM/yyyy HH:mm",
    DATE % "mm:ss",
    DATE % "short",
    DATE % "d ''de'' MMMM",
    FORMAT % "{{ name | trim | title }}{% for part in name %}{{ loop.index }}{% endfor %}",
    FORMAT % '{{ nome | default("friend") }}',
    FORMAT % "{# {{ #}{% raw %}{{ nome {% endraw %}",
    "tool: text.format\n  with: { template: '{{ any.thing }}', values: '${ trigger.raw }' }",
    "tool: text.format\n  with: { template: '${ trigger.name }', values: { a: 1 } }",
    "tool: list.map\n  with: { items: [a], template: '{{ index }}: {{ item }}' }",
    "tool: json.pick\n  with: { value: '${ trigger.raw }', path: 'a[0].b[*]' }",
    "tool: json.pick\n  with: { value: '${ trigger.raw }', path: '${ trigger.name }' }",
    "tool: storage.set\n  with: { key: a, value: 1, keep: 365d }",
    SMS % "351912345678",
    SMS % "+351912345678",
)


@pytest.mark.parametrize("step", RIGHT)
def test_what_can_work_is_right(step: str) -> None:
    assert told(step) == []
