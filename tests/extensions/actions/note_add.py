"""closum.note.add: a made-up action of Closum's, such as its next release may bring. The path is assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import Id, StrictInputs
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(StrictInputs):
    """What it takes."""

    lead_id: Id = Field(description="Closum's id of the lead")
    text: str = Field(min_length=1, max_length=2000, description="the note")


class Outputs(BaseModel):
    """What it gives."""

    note_id: str = Field(description="the note's id")


@action(
    "closum.note.add",
    title="Note: Add Note",
    group=Group.LEADS,
    guarantee=Guarantee.AT_MOST_ONCE,
    endpoint=Endpoint("POST", "note/add/", Basis.ASSUMED, answer={"note_id": "id"}),
    examples=[Example("a call that was made", {"lead_id": "1001", "text": "Ligou às 10h"}, {"note_id": "77"})],
)
async def note_add(inputs: Inputs, call: ActionCall) -> Outputs:
    """Write a note about a lead."""
    said = await ask(call, note_add, inputs.model_dump(), Guarantee.AT_MOST_ONCE)
    return Outputs(note_id=said.identity("note_id"))
