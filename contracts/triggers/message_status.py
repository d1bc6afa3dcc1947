"""What the triggers of a message's status have in common: the shape of SMS: Status Updated is assumed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from contracts.contact_fields import MOST_PHONE
from contracts.triggers.message_statuses import MessageStatus, status_of
from contracts.triggers.payload import Payload, Prose, Text, spelled
from contracts.triggers.phones import E164, e164, number_subject
from contracts.triggers.sent_times import Moment

SPELLINGS = ("status", "state", "delivery_status", "message_status")


class MessageStatusPayload(Payload):
    """A message to `recipient` has a new status."""

    recurs: ClassVar[bool] = True  # of another message, where none is named

    message_id: Text = Field(
        default="", validation_alias=spelled("message_id", "id", "sms_id", "wamid"), max_length=512
    )
    recipient: Text = Field(
        default="",
        validation_alias=spelled("recipient", "to", "phone", "mobile_number", "recipient_id"),
        max_length=MOST_PHONE,
    )
    recipient_e164: E164 = ""
    status: Annotated[MessageStatus, BeforeValidator(status_of)] = Field(validation_alias=spelled(*SPELLINGS))
    status_sent: Prose = Field(default="", max_length=256, description="the status in the sender's own word")
    error: Prose = Field(
        default="", validation_alias=spelled("error", "error_message", "reason", "error_code"), max_length=4096
    )
    at: Moment = Field(default=None, validation_alias=spelled("at", "time", "timestamp", "updated_at", "status_time"))

    @model_validator(mode="before")
    @classmethod
    def _sent(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("status_sent"):
            return value
        sent = next((value[name] for name in SPELLINGS if name in value), None)
        if sent is None or (isinstance(sent, str) and not sent.strip()):
            return {key: item for key, item in value.items() if key not in SPELLINGS}
        return {**value, "status_sent": sent if isinstance(sent, str | int | float) else str(type(sent).__name__)}

    @model_validator(mode="after")
    def _phone(self) -> Self:
        self.__dict__["recipient_e164"] = e164(self.recipient, international=True)
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not (self.message_id.strip() or self.recipient.strip()):
            raise ValueError("message_id or recipient is needed")
        return self

    def subject(self) -> str | None:
        """The recipient's digits, else the message."""
        return number_subject(self.recipient) or self.message_id.strip() or None

    def own_id(self) -> str | None:
        """The message and its status: each status happens once."""
        return f"{self.message_id.strip()}/{self.status_sent.strip()}" if self.message_id.strip() else None

    def happened(self) -> datetime | None:
        """When the status was reached."""
        return self.at
