"""closum.contact.add_tag: Contact: Add Tag. The path is assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.writes import Sets
from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import CONTACT_ID, ask
from services.actions.fields import AnswerId, Id, StrictInputs, Tag
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(StrictInputs):
    """What it takes."""

    contact_id: Id = Field(description="Closum's id of the contact")
    tag: Tag = Field(description="the tag's name")


class Outputs(BaseModel):
    """What it gives."""

    contact_id: AnswerId = Field(description="the contact's id", json_schema_extra={"minLength": 1})


@action(
    "closum.contact.add_tag",
    title="Contact: Add Tag",
    group=Group.CONTACTS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "contact/add-tag/", Basis.ASSUMED, answer=CONTACT_ID),
    writes=Sets("closum", {"id": "contact_id"}, adds={"tags": "tag"}),
    examples=[Example("by the contact's id", {"contact_id": "1001", "tag": "feira"}, {"contact_id": "1001"})],
)
async def contact_add_tag(inputs: Inputs, call: ActionCall) -> Outputs:
    """Give a contact a tag; one that has it keeps it."""
    said = await ask(call, contact_add_tag, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=said.identity("contact_id") or inputs.contact_id)
