"""closum.lead.delete: Lead: Delete. The path is assumed."""

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

    lead_id: Id = Field(description="Closum's id of the lead")


class Outputs(BaseModel):
    """What it gives."""

    lead_id: AnswerId = Field(description="the id that is gone", json_schema_extra={"minLength": 1})


@action(
    "closum.lead.delete",
    title="Lead: Delete",
    group=Group.LEADS,
    guarantee=Guarantee.REPEATABLE,
    endpoint=Endpoint("POST", "lead/delete/", Basis.ASSUMED),
    examples=[Example("by its id", {"lead_id": "1001"}, {"lead_id": "1001"})],
)
async def lead_delete(inputs: Inputs, call: ActionCall) -> Outputs:
    """Delete a lead. This cannot be undone.

    A second call finds nothing, is refused, and changes nothing more. It passes for no success: the same answer may
    mean that the assumed path is wrong.
    """
    await ask(call, lead_delete, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(lead_id=inputs.lead_id)
