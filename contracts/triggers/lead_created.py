"""New Lead (API). The shape is assumed, after the fields of the confirmed `POST lead/add/`."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from contracts.triggers.payload import Payload, spelled


class LeadCreated(Payload):
    """A lead was made, or a contact came from an external platform."""

    trigger: ClassVar[str] = "closum.lead.created"
    example: ClassVar[dict[str, Any]] = {
        "lead_id": "8841",
        "name": "João Gonçalves",
        "email": "Joao.Goncalves@Example.com",
        "mobile_number": "912 345 678",
        "country": "PT",
        "tags": ["feira"],
    }

    lead_id: str = Field(default="", validation_alias=spelled("lead_id", "id"), coerce_numbers_to_str=True)
    name: str = Field(default="", validation_alias=spelled("name", "full_name"))
    email: str = Field(default="", validation_alias=spelled("email", "e_mail", "mail"))
    mobile_number: str = Field(
        default="", validation_alias=spelled("mobile_number", "phone", "mobile"), coerce_numbers_to_str=True
    )
    country: str = ""
    tags: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.email and not self.mobile_number:
            raise ValueError("email or mobile_number is needed")
        return self

    def subject(self) -> str | None:
        """The lead's id, else the e-mail, else the phone."""
        return self.lead_id or self.email.lower() or self.mobile_number

    def own_id(self) -> str | None:
        """The lead's id."""
        return self.lead_id or None
