"""An action is one file: everything else follows from its declaration."""

from __future__ import annotations

from contracts.triggers.registry import TRIGGERS
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt, checked
from services.actions.connections import Connection
from services.actions.outcome import Done
from services.actions.registry import collect, shown_answers
from services.cli.generate.reference import actions_table
from services.flows.catalogue import BaseInputs, Catalogue
from services.flows.check import check
from services.flows.load import load_text
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.extensions import actions
from tests.support.closum import closum

ACTIONS = collect(actions)
ADDED = ACTIONS["closum.note.add"]
FLOW = """\
flow: noted
on: closum.lead.created
when: ${{ trigger.lead_id != "" }}
steps:
  - action: closum.note.add
    connection: closum
    with: {{ lead_id: "${{ trigger.lead_id }}", {field}: "Ligou às 10h" }}
"""


async def test_it_is_called_and_the_stand_in_knows_it() -> None:
    """By its endpoint, with the answer of its first example."""
    (example,) = ADDED.signature.examples
    client = Client(Egress([allowed("127.0.0.0/8")]))
    with closum() as stand_in:
        stand_in.teach(shown_answers(ACTIONS))
        inputs = checked(ADDED, dict(example.inputs))
        assert isinstance(inputs, BaseInputs)
        where = Connection("closum", f"{stand_in.url}/v2", query="api-key=k")
        outcome = await attempt(ADDED, inputs, HttpCall(client, where, "e" * 32, 5))
        assert outcome == Done(dict(example.outputs))
    await client.close()


def test_it_has_its_row_in_the_documents() -> None:
    """With Closum's name, what it does, what a second call does, and that its path is assumed."""
    row = "| `closum.note.add` | Note: Add Note | Write a note about a lead. | at_most_once | assumed |"
    assert row in actions_table(ACTIONS.values())


def test_flows_that_use_it_are_checked() -> None:
    """Its inputs are types."""
    known = Catalogue(dict(TRIGGERS), {}, {name: one.signature for name, one in ACTIONS.items()})
    right, wrong = (load_text(FLOW.format(field=field), "noted.yaml") for field in ("text", "txt"))
    assert check(right[0], known) == []
    assert any("did you mean 'text'" in mistake.text for mistake in check(wrong[0], known))
