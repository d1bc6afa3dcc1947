"""closum.contact.remove: Contact: Remove. The path is assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import AnswerId, Id, StrictInputs
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(StrictInputs):
    """What it takes."""

    contact_id: Id = Field(description="Closum's id of the contact")


class Outputs(BaseModel):
    """What it gives."""

    contact_id: AnswerId = Field(description="the id that is gone", json_schema_extra={"minLength": 1})


@action(
    "closum.contact.remove",
    title="Contact: Remove",
    group=Group.CONTACTS,
    guarantee=Guarantee.REPEATABLE,
    endpoint=Endpoint("POST", "contact/remove/", Basis.ASSUMED),
    examples=[Example("by its id", {"contact_id": "1001"}, {"contact_id": "1001"})],
)
async def contact_remove(inputs: Inputs, call: ActionCall) -> Outputs:
    """Remove a contact. This cannot be undone.

    A second call finds nothing, is refused, and changes nothing more. It passes for no success: the same answer may
    mean that the assumed path is wrong.
    """
    await ask(call, contact_remove, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=inputs.contact_id)
