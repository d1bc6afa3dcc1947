"""closum.lead.view: Lead: View Details. Path and answer are assumed; whatever is answered stands in `fields`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import Absent, AnswerId, AnswerName, AnswerTag, Id, StrictInputs
from services.closum.endpoint import Basis, Endpoint, FieldPlacement
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Email


class Inputs(StrictInputs):
    """What it takes: one of the two."""

    lead_id: Annotated[Id | None, Absent] = Field(default=None, description="Closum's id of the lead")
    email: Annotated[Email | None, Absent] = Field(default=None, description="or its e-mail address")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.lead_id is None) == (self.email is None):
            raise ValueError("the lead is named either by lead_id or by email")
        return self


class Outputs(BaseModel):
    """What it gives. Texts are empty where the lead has none."""

    lead_id: AnswerId = Field(description="Closum's id of the lead")
    name: AnswerName = Field(description="full name")
    email: str = Field(description="e-mail address, as Closum has it")
    mobile_number: str = Field(description="phone, as Closum has it")
    consent_email: bool = Field(description="whether e-mail campaigns may be sent; false when Closum does not say")
    consent_sms: bool = Field(description="whether SMS campaigns may be sent; false when Closum does not say")
    tags: list[AnswerTag] = Field(description="names of its tags")
    fields: dict[str, Any] = Field(description="all that Closum answered")


@action(
    "closum.lead.view",
    title="Lead: View Details",
    group=Group.LEADS,
    guarantee=Guarantee.REPEATABLE,
    endpoint=Endpoint("GET", "lead/view/", Basis.ASSUMED, place=FieldPlacement.QUERY),
    examples=[
        Example(
            "by its e-mail address",
            {"email": "ines@example.com"},
            {"lead_id": "1001", "consent_email": True, "tags": ["old"]},
        )
    ],
)
async def lead_view(inputs: Inputs, call: ActionCall) -> Outputs:
    """Look a lead up by its id or its e-mail address."""
    said = await ask(call, lead_view, inputs.model_dump(), Guarantee.REPEATABLE)
    tags = said.field("tags")
    return Outputs(
        lead_id=said.an_id("lead_id") or inputs.lead_id or "",
        name=said.text("name"),
        email=said.text("email"),
        mobile_number=said.text("mobile_number"),
        consent_email=said.field("consent_email") is True,
        consent_sms=said.field("consent_sms") is True,
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else [],
        fields=dict(said.data),
    )
