"""closum.contact.remove_tag_by_email: Contact: Remove Tag by Email. The path is assumed."""

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
    "closum.contact.remove_tag_by_email",
    title="Contact: Remove Tag by Email",
    group=Group.CONTACTS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "contact/remove-tag-by-email/", Basis.ASSUMED, answer=CONTACT_ID),
    writes=Sets("closum", {"email": "email"}, removes={"tags": "tag"}),
    examples=[Example("by e-mail", {"email": "ines@example.com", "tag": "old"}, {"contact_id": "1001"})],
)
async def contact_remove_tag_by_email(inputs: Inputs, call: ActionCall) -> Outputs:
    """Take a tag from the contact with this e-mail address; one that lacks it stays as it is."""
    said = await ask(call, contact_remove_tag_by_email, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=said.identity("contact_id"))
