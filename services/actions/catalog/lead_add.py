"""closum.lead.add: Lead: Add Lead. Fields as Closum's V2 documents them."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.actions.action import action
from services.actions.call import Call
from services.actions.closum import LEAD_ADD, ask, identity
from services.flows.catalogue import Guarantee


class Inputs(BaseModel):
    """What it takes. `email` or `mobile_number` is needed."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=250, description="the lead's full name")
    email: str | None = Field(default=None, max_length=254, description="e-mail address; empty counts as absent")
    mobile_number: str | None = Field(
        default=None, pattern=r"^\+?[0-9]{6,15}$|^$", description="digits with country code; empty counts as absent"
    )
    consent_email: bool = Field(description="whether e-mail campaigns may be sent")
    consent_sms: bool = Field(description="whether SMS campaigns may be sent")
    contact_lifecycle_stage_id: int | None = Field(
        default=None,
        ge=1,
        le=9,
        description="1 Não Qualificado, 2 Subscritor, 3 Lead … 7 Cliente, 8 Evangelista, 9 Outro",
    )
    custom_data: dict[str, Any] | None = Field(default=None, description="anything, kept with the lead")
    tags: list[str] | None = Field(default=None, description="names of tags")
    birth_date: date | None = Field(default=None, description="year-month-day")
    custom_fields: dict[str, Any] | None = Field(default=None, description="values of the account's own fields")
    update_enabled: bool = Field(
        default=True,
        description="an existing lead is updated; without it, it is refused and the call is never repeated",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.email and not self.mobile_number:
            raise ValueError("email or mobile_number is needed")
        return self


class Outputs(BaseModel):
    """What it gives."""

    lead_id: str = Field(description="Closum's id of the lead, new or updated")


@action("closum.lead.add", guarantee=Guarantee.REPEATABLE)
async def lead_add(inputs: Inputs, call: Call) -> Outputs:
    """Add a lead to Closum, or update the one with the same e-mail or mobile number."""
    fields = {name: value for name, value in inputs.model_dump(mode="json").items() if value not in (None, "")}
    if inputs.mobile_number:
        fields["mobile_number"] = inputs.mobile_number.removeprefix("+")
    guarantee = Guarantee.REPEATABLE if inputs.update_enabled else Guarantee.AT_MOST_ONCE
    return Outputs(lead_id=identity(LEAD_ADD, await ask(call, LEAD_ADD, fields, guarantee)))
