"""A contact unsubscribed. Name and shape are assumed: Closum's reference has a payload of it, which is not public."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from contracts.contact_fields import MOST_EMAIL, MOST_ID, MOST_PHONE
from contracts.triggers.payload import Payload, Prose, Text, spelled
from contracts.triggers.phones import E164, contact_subject, e164
from contracts.triggers.sent_times import Moment


class Unsubscribed(Payload):
    """A contact wants no more messages: of one channel, or of all where none is named."""

    trigger: ClassVar[str] = "closum.unsubscribed"
    title: ClassVar[str] = "Unsubscribes"
    recurs: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "event_id": "uns-310",
        "contact_id": "8841",
        "email": "Joao.Goncalves@Example.com",
        "mobile_number": "+351 912 345 678",
        "channel": "email",
        "at": "2026-03-02T09:30:00Z",
    }

    event_id: Text = Field(
        default="", validation_alias=spelled("event_id", "webhook_id", "unsubscribe_id"), max_length=512
    )
    contact_id: Text = Field(default="", validation_alias=spelled("contact_id", "lead_id", "id"), max_length=MOST_ID)
    email: Text = Field(default="", validation_alias=spelled("email", "e_mail", "mail"), max_length=MOST_EMAIL)
    mobile_number: Text = Field(
        default="",
        validation_alias=spelled("mobile_number", "phone", "mobile", "phone_number", "recipient"),
        max_length=MOST_PHONE,
    )
    mobile_number_e164: E164 = ""
    channel: Text = Field(
        default="",
        validation_alias=spelled("channel", "medium", "type", "via"),
        max_length=64,
        description="email, sms, whatsapp in the sender's own word; empty: all of them, as far as is known",
    )
    reason: Prose = Field(default="", validation_alias=spelled("reason", "feedback", "comment"), max_length=4096)
    at: Moment = Field(
        default=None, validation_alias=spelled("at", "time", "timestamp", "unsubscribed_at", "created_at")
    )

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["mobile_number_e164"] = e164(self.mobile_number, international=True)
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.subject():
            raise ValueError("contact_id, email or mobile_number is needed")
        return self

    def subject(self) -> str | None:
        """As `contact_subject`."""
        return contact_subject(self.contact_id, self.email, self.mobile_number)

    def own_id(self) -> str | None:
        """The event's id, where one was sent: who came back can leave again."""
        return self.event_id.strip() or None

    def happened(self) -> datetime | None:
        """When it was."""
        return self.at
