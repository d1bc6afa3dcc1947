"""closum.lead.add: Lead: Add Lead. Fields as Closum's V2 documents them: the name is not needed."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator
from typing_extensions import override

from contracts.writes import Sets
from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.catalog.lead_view import lead_view
from services.actions.closum import ask, endpoint_of, find
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.fields import LEAD, NESTED, AnswerId, LeadFields, digits, given
from services.closum.endpoint import PUBLIC, PUBLIC_ON, Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.idempotency import IdempotencyKey

NOT_PROVEN = (
    "Closum says that the lead is not there, but that leads can be looked up so is assumed: when you have seen that it "
    f"is so, give {lead_view.name!r} a row in closum.yaml, if only {{}}"
)

SEEN = frozenset({Basis.CONFIRMED, Basis.CONFIGURED})
"""Somebody has seen that a row is so."""


class Inputs(LeadFields):
    """What it takes. `email` or `mobile_number` is needed, and what the contact agreed to."""

    consent_email: bool = Field(description="whether e-mail campaigns may be sent")
    consent_sms: bool = Field(description="whether SMS campaigns may be sent")
    update_enabled: bool = Field(
        default=True,
        description="an existing lead is updated; without it, it is refused and the call is never repeated",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.email and not self.mobile_number:
            raise ValueError("email or mobile_number is needed")
        return self

    @override
    def guarantee(self, honoured: IdempotencyKey | None) -> Guarantee:
        """Without update_enabled, a second call may be a second lead: nothing public says otherwise."""
        del honoured
        return Guarantee.REPEATABLE if self.update_enabled else Guarantee.AT_MOST_ONCE


class Outputs(BaseModel):
    """What it gives."""

    lead_id: AnswerId = Field(description="Closum's id of the lead, new or updated", json_schema_extra={"minLength": 1})


async def was_added(inputs: Inputs, call: ActionCall) -> Verdict:
    """Look the lead up; one under another name may be another's.

    While it is only assumed that leads can be looked up so, a lead that is not found may be there all the same.
    """
    known_by = {"email": inputs.email} if inputs.email else {"mobile_number": digits(inputs.mobile_number or "")}
    said = await find(call, lead_view, known_by)
    if said is None:
        return EffectAbsent() if endpoint_of(call, lead_view).basis in SEEN else EffectUnknown(NOT_PROVEN)
    lead_id = said.text("lead_id")
    if not lead_id or said.text("name") != (inputs.name or ""):
        return EffectUnknown("a lead with this address or phone is there, under another name or without an id")
    return EffectHappened(Outputs(lead_id=lead_id))


@action(
    "closum.lead.add",
    title="Lead: Add Lead",
    group=Group.LEADS,
    guarantee=Guarantee.REPEATABLE,
    raises=("closum.lead.created", "closum.contact.updated"),
    verify=was_added,
    endpoint=Endpoint("POST", "lead/add/", Basis.CONFIRMED, by=PUBLIC, on=PUBLIC_ON),
    writes=Sets(
        "closum",
        {"email": "email", "phone": "mobile_number"},
        LEAD,
        NESTED,
        makes="closum.lead.created",
        made="lead_id",
    ),
    examples=[
        Example(
            "a lead from a fair",
            {
                "name": "Inês Conceição",
                "email": "new@example.com",
                "consent_email": True,
                "consent_sms": False,
                "tags": ["feira"],
                "birth_date": "1990-02-01",
            },
            {"lead_id": "1002"},
        ),
        Example(
            "only a lead that is not there yet",
            {
                "name": "Inês Conceição",
                "email": "new@example.com",
                "consent_email": True,
                "consent_sms": False,
                "update_enabled": False,
            },
            {"lead_id": "1002"},
        ),
    ],
)
async def lead_add(inputs: Inputs, call: ActionCall) -> Outputs:
    """Add a lead to Closum, or update the one with the same e-mail or mobile number."""
    said = await ask(call, lead_add, given(inputs), inputs.guarantee(call.idempotency))
    return Outputs(lead_id=said.identity("lead_id"))
