"""closum.contact.remove_tag: Contact: Remove Tag. The path is assumed."""

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
    "closum.contact.remove_tag",
    title="Contact: Remove Tag",
    group=Group.CONTACTS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "contact/remove-tag/", Basis.ASSUMED, answer=CONTACT_ID),
    writes=Sets("closum", {"id": "contact_id"}, removes={"tags": "tag"}),
    examples=[Example("by the contact's id", {"contact_id": "1001", "tag": "old"}, {"contact_id": "1001"})],
)
async def contact_remove_tag(inputs: Inputs, call: ActionCall) -> Outputs:
    """Take a tag from a contact; one that lacks it stays as it is."""
    said = await ask(call, contact_remove_tag, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=said.identity("contact_id") or inputs.contact_id)
