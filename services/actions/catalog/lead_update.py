"""closum.lead.update: Lead: Update Lead. The path is assumed."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator

from contracts.writes import Sets
from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import LEAD, NESTED, AnswerId, Id, LeadFields, given
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(LeadFields):
    """What it takes: the lead, and what changes. What is absent stays as it is."""

    lead_id: Id = Field(description="Closum's id of the lead")

    @model_validator(mode="after")
    def _changing(self) -> Self:
        if not given(self, "lead_id"):
            raise ValueError("nothing to change: give at least one field beside lead_id")
        return self


class Outputs(BaseModel):
    """What it gives."""

    lead_id: AnswerId = Field(description="the lead's id", json_schema_extra={"minLength": 1})


@action(
    "closum.lead.update",
    title="Lead: Update Lead",
    group=Group.LEADS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "lead/update/", Basis.ASSUMED),
    writes=Sets("closum", {"id": "lead_id", "email": "email", "phone": "mobile_number"}, LEAD, NESTED),
    examples=[
        Example(
            "a lead that became a customer",
            {"lead_id": "1001", "name": "Inês C.", "contact_lifecycle_stage_id": 7},
            {"lead_id": "1001"},
        )
    ],
)
async def lead_update(inputs: Inputs, call: ActionCall) -> Outputs:
    """Change fields of a lead that is named by its id."""
    said = await ask(call, lead_update, given(inputs), Guarantee.REPEATABLE)
    return Outputs(lead_id=said.identity("lead_id") or inputs.lead_id)
