"""What can be absent or empty without a field beside it that says so: found before an ordinary lead dies of it."""

from __future__ import annotations

import pytest

from services.flows.check import check
from services.flows.load import load_text
from services.project.catalogue import catalogue

CATALOGUE = catalogue()
LEAD = "flow: f\non: closum.lead.created\nsteps:\n"
SYNC = """
flow: f
on: closum.contact.updated
steps:
  - id: change
    tool: sync.resolve
    with: { key: "k${ trigger.contact_id }", side: crm, changes: "${ trigger.changes }", at: "${ event.time }" }
"""


def texts(text: str) -> list[str]:
    """Every fault."""
    sources, faults = load_text(text)
    return [fault.text for fault in [*faults, *check(sources, CATALOGUE, ["closum", "crm"])]]


SMS = "  - action: closum.sms.send\n    connection: closum\n    with: { recipient: '${ trigger.mobile_number_e164 }', message: olá, sender: Closum }\n"
UPDATE = "  - action: closum.lead.update\n    connection: closum\n    with: { lead_id: '1', %s }\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # A phone of an event may be empty.
        (LEAD + SMS, 'ask `trigger.mobile_number_e164 != ""` first'),
        (SYNC + '  - stop: "${ change.forward.name }"', "ask `has(change.forward.name)` first"),
        (SYNC + """  - stop: '${ change.forward["name"] }'""", "ask `has(change.forward.name)` first"),
        (SYNC + UPDATE % 'name: "${ change.forward.?name }"', "'name' can be absent here"),
        (SYNC + UPDATE % 'name: "${ change.forward.?name }", email: "${ change.forward.?email }"', "'name' and 'email' can be absent here"),
        (LEAD + UPDATE % "name: '${ trigger.name }'", "'name' can be absent here"),
        (LEAD + "  - tool: email.normalize\n    with: { email: '${ trigger.mobile_number_e164 }' }", "is never read as an email"),
        (LEAD + "  - tool: digest\n    with: { key: a, item: null, within: 1h }", "null counts as absent"),
        (LEAD + "  - for_each: null\n    do: [{ stop: a }]", "null is none"),
        (LEAD + "  - tool: date.format\n    with: { at: dd/MM }", "is no time such as"),
        (LEAD + "  - action: http.request\n    with: { method: GET, url: '/people/${ trigger.lead_id }' }", "without a connection, a whole address"),
    ],
)  # fmt: skip
def test_what_would_die_is_a_mistake(text: str, said: str) -> None:
    """Each by its own rule, once."""
    found = texts(text)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    "text",
    [
        SYNC + '  - if: ${ has(change.forward.name) }\n    then: [{ stop: "${ change.forward.name }" }]',
        SYNC + "  - if: ${ has(change.forward.name) || has(change.forward.email) }\n    then:\n    " + (UPDATE % 'name: "${ change.forward.?name }", email: "${ change.forward.?email }"').replace("\n", "\n    ").rstrip() + "\n",
        LEAD + UPDATE % "name: '${ trigger.name }', consent_sms: false",
        LEAD + '  - if: ${ trigger.name != "" }\n    then:\n    ' + (UPDATE % "name: '${ trigger.name }'").replace("\n", "\n    ").rstrip() + "\n",
        LEAD + """  - if: ${ trigger.mobile_number_e164 != "" }\n    then:\n    """ + SMS.replace("\n", "\n    ").rstrip() + "\n",
        LEAD + "  - action: http.request\n    with: { method: GET, url: 'https://example.com/${ trigger.lead_id }' }",
        LEAD + "  - tool: phone.format\n    with: { number: '${ trigger.mobile_number_e164 }' }",
        LEAD + "  - tool: lookup\n    with: { key: '${ trigger.country }', table: { PT: 1 }, default: null }",
    ],
)  # fmt: skip
def test_what_asks_first_is_none(text: str) -> None:
    """A condition, something that is always given, a null where it may stand."""
    assert texts(text) == []
