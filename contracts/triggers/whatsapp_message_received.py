"""WhatsApp: Message Received. The shape is assumed: Closum publishes none."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from contracts.triggers.payload import Absent, Prose, Text, spelled
from contracts.triggers.phones import E164, WhatsAppId, e164, number_subject
from contracts.triggers.sent_times import Moment
from contracts.triggers.whatsapp_updates import USER_ID, Contact, WhatsAppAccount, identified

SENDER = ("from", "from_", "phone", "mobile_number", "sender", "phone_number")
SPELLINGS = spelled(*SENDER)
SPELLED = tuple(str(name) for name in SPELLINGS.choices)


class WhatsAppMessageReceived(WhatsAppAccount):
    """A contact wrote on WhatsApp."""

    trigger: ClassVar[str] = "closum.whatsapp.message_received"
    title: ClassVar[str] = "WhatsApp: Message Received"
    recurs: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM1",
        "from": "+351 912 345 678",
        "text": "Olá! Quero saber mais 🙂",
        "contact": {"name": "Inês Conceição"},
    }

    message_id: Text = Field(default="", validation_alias=spelled("message_id", "id", "wamid"), max_length=512)
    from_: WhatsAppId = Field(
        validation_alias=SPELLINGS,
        serialization_alias="from",
        min_length=1,
    )
    from_e164: E164 = ""
    user_id: Text = Field(
        default="", validation_alias=spelled("user_id", "from_user_id"), max_length=512, description=USER_ID
    )
    group_id: Text = Field(
        default="", max_length=512, description="the group that it was written in; empty: to us alone"
    )
    text: Prose = Field(default="", validation_alias=spelled("text", "message", "body"), max_length=65_536)
    contact: Annotated[Contact, Absent] = Contact()
    at: Moment = Field(default=None, validation_alias=spelled("at", "time", "timestamp", "received_at"))

    @model_validator(mode="before")
    @classmethod
    def _someone(cls, value: object) -> object:
        return identified(value, SPELLED)

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["from_e164"] = e164(self.from_, international=True)
        return self

    def subject(self) -> str | None:
        """The phone's digits, old and new form alike; of a person who shows none, WhatsApp's id of them."""
        return number_subject(self.from_) or None

    def own_id(self) -> str | None:
        """The message's id."""
        return self.message_id.strip() or None

    def happened(self) -> datetime | None:
        """When it was written."""
        return self.at
