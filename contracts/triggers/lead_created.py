"""New Lead (API). The shape is assumed, after the fields of the confirmed `POST lead/add/`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from contracts.contact_fields import MOST_COUNTRY, MOST_EMAIL, MOST_ID, MOST_NAME, MOST_PHONE
from contracts.triggers.payload import ByUs, Consent, Payload, Prose, Tags, Text, spelled
from contracts.triggers.phones import E164, e164
from contracts.triggers.sent_times import Moment


class LeadCreated(Payload):
    """A lead was made in Closum: by a person, a form of Closum's, or a call of ours."""

    trigger: ClassVar[str] = "closum.lead.created"
    title: ClassVar[str] = "New Lead (API)"
    example: ClassVar[dict[str, Any]] = {
        "lead_id": "8841",
        "name": "João Gonçalves",
        "email": "Joao.Goncalves@Example.com",
        "mobile_number": "912 345 678",
        "country": "PT",
        "tags": ["feira"],
        "consent_email": True,
        "consent_sms": False,
    }

    lead_id: Text = Field(default="", validation_alias=spelled("lead_id", "id"), max_length=MOST_ID)
    name: Prose = Field(default="", validation_alias=spelled("name", "full_name"), max_length=MOST_NAME)
    email: Text = Field(default="", validation_alias=spelled("email", "e_mail", "mail"), max_length=MOST_EMAIL)
    mobile_number: Text = Field(
        default="", validation_alias=spelled("mobile_number", "phone", "mobile", "phone_number"), max_length=MOST_PHONE
    )
    mobile_number_e164: E164 = ""
    country: Prose = Field(default="", max_length=MOST_COUNTRY)
    tags: Tags = Field(default_factory=list)
    created_at: Moment = Field(default=None, validation_alias=spelled("created_at", "time", "timestamp"))
    consent_email: Consent = Field(
        default=False,
        validation_alias=spelled("consent_email", "email_consent", "accepts_email", "email_opt_in", "opt_in_email"),
        description="the contact agreed to e-mail campaigns; false where the sender does not say so",
    )
    consent_sms: Consent = Field(
        default=False,
        validation_alias=spelled("consent_sms", "sms_consent", "accepts_sms", "sms_opt_in", "opt_in_sms"),
        description="the contact agreed to SMS campaigns; false where the sender does not say so",
    )

    by_us: ByUs = False

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["mobile_number_e164"] = e164(self.mobile_number, self.country)
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.email.strip() and not self.mobile_number.strip():
            raise ValueError("email or mobile_number is needed")
        return self

    def subject(self) -> str | None:
        """The lead's id, else the e-mail, else the phone."""
        return self.lead_id.strip() or self.email.strip().lower() or self.mobile_number.strip()

    def own_id(self) -> str | None:
        """The lead's id: a lead is made once."""
        return self.lead_id.strip() or None

    def happened(self) -> datetime | None:
        """When the lead was made."""
        return self.created_at
