"""closum.contact.remove: Contact: Remove. The path is assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.actions.action import action
from services.actions.call import Call
from services.actions.closum import ask
from services.actions.fields import Id, Strict
from services.flows.catalogue import Guarantee


class Inputs(Strict):
    """What it takes."""

    contact_id: Id = Field(description="Closum's id of the contact")


class Outputs(BaseModel):
    """What it gives."""

    contact_id: str = Field(description="the id that is gone")


@action("closum.contact.remove", guarantee=Guarantee.REPEATABLE)
async def contact_remove(inputs: Inputs, call: Call) -> Outputs:
    """Remove a contact. This cannot be undone.

    A second call finds nothing, is refused, and changes nothing more. It passes for no success: the same answer may
    mean that the assumed path is wrong.
    """
    await ask(call, "closum.contact.remove", inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(contact_id=inputs.contact_id)
