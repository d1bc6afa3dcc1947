"""closum.lead.edit_by_email: Lead: Edit by Email. The path is assumed."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator

from contracts.writes import Sets
from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import LEAD, NESTED, AnswerId, LeadFields, given
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Email


class Inputs(LeadFields):
    """What it takes: whose lead, and what changes. What is absent stays as it is; the e-mail itself cannot change."""

    email: Email = Field(description="the lead's e-mail address")

    @model_validator(mode="after")
    def _changing(self) -> Self:
        if not given(self, "email"):
            raise ValueError("nothing to change: give at least one field beside email")
        return self


class Outputs(BaseModel):
    """What it gives."""

    lead_id: AnswerId = Field(description="Closum's id of the lead; empty when it does not say")


@action(
    "closum.lead.edit_by_email",
    title="Lead: Edit by Email",
    group=Group.LEADS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.contact.updated",),
    endpoint=Endpoint("POST", "lead/edit-by-email/", Basis.ASSUMED),
    writes=Sets("closum", {"email": "email", "phone": "mobile_number"}, LEAD, NESTED),
    examples=[
        Example("consent that came later", {"email": "ines@example.com", "consent_sms": True}, {"lead_id": "1001"})
    ],
)
async def lead_edit_by_email(inputs: Inputs, call: ActionCall) -> Outputs:
    """Change fields of the lead with this e-mail address."""
    said = await ask(call, lead_edit_by_email, given(inputs), Guarantee.REPEATABLE)
    return Outputs(lead_id=said.identity("lead_id"))
