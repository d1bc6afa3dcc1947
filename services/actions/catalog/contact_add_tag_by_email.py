"""closum.contact.add_tag_by_email: Contact: Add Tag by Email. The path is assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.writes import Sets
from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import CONTACT_ID, ask
from services.actions.fields import AnswerId, StrictInputs, Tag
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Email


class Inputs(StrictInputs):
    """What it takes."""

    email: Email = Field(description="the contact's e-mail address")
    tag: Tag = Field(description="the tag's name")


class Outputs(BaseModel):
    """What it gives."""

    contact_id: AnswerId = Field(description="the contact's id; empty when Closum does not say")


@action(
    "closum.contact.add_tag_by_email",
    title="Contact: Add Tag by Email",
    group=Group.CONTACTS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "contact/add-tag-by-email/", Basis.ASSUMED, answer=CONTACT_ID),
    writes=Sets("closum", {"email": "email"}, adds={"tags": "tag"}),
    examples=[Example("by e-mail", {"email": "ines@example.com", "tag": "feira"}, {"contact_id": "1001"})],
)
async def contact_add_tag_by_email(inputs: Inputs, call: ActionCall) -> Outputs:
    """Give the contact with this e-mail address a tag; one that has it keeps it."""
    said = await ask(call, contact_add_tag_by_email, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=said.identity("contact_id"))
