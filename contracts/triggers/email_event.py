"""What became of an e-mail. Name and shape are assumed: Closum's reference has a payload of it, which is not public."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from contracts.contact_fields import MOST_EMAIL, MOST_ID
from contracts.triggers.payload import Payload, Prose, Text, spelled
from contracts.triggers.sent_times import Moment

SPELLINGS = ("event", "type", "status", "action", "event_type")


class EmailHappening(StrEnum):
    """What happened to it. `other`: a word that is not known here; `event_sent` has it."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    OTHER = "other"


WORDS = {
    "delivery": EmailHappening.DELIVERED,
    "open": EmailHappening.OPENED,
    "read": EmailHappening.OPENED,
    "click": EmailHappening.CLICKED,
    "bounce": EmailHappening.BOUNCED,
    "hard_bounce": EmailHappening.BOUNCED,
    "soft_bounce": EmailHappening.BOUNCED,
    "complaint": EmailHappening.COMPLAINED,
    "spam": EmailHappening.COMPLAINED,
    "unsubscribe": EmailHappening.UNSUBSCRIBED,
    "dropped": EmailHappening.FAILED,
    "error": EmailHappening.FAILED,
    **{one.value: one for one in EmailHappening},
}


def happening(sent: object) -> EmailHappening:
    """What a sender's word means, also as `email.opened` or `email_opened`."""
    word = str(sent).strip().lower().replace(" ", "_").replace("-", "_")
    plain = word.rpartition(".")[2].removeprefix("email_")
    return WORDS.get(word) or WORDS.get(plain, EmailHappening.OTHER)


class EmailEvent(Payload):
    """An e-mail that was sent was delivered, opened, clicked, refused."""

    trigger: ClassVar[str] = "closum.email.event"
    title: ClassVar[str] = "Email"
    recurs: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "event_id": "eml-77",
        "email_id": "5120",
        "email": "Joao.Goncalves@Example.com",
        "event": "opened",
        "at": "2026-03-02T09:30:00Z",
    }

    event_id: Text = Field(default="", validation_alias=spelled("event_id", "webhook_id"), max_length=512)
    email_id: Text = Field(default="", validation_alias=spelled("email_id", "message_id", "id"), max_length=512)
    contact_id: Text = Field(default="", validation_alias=spelled("contact_id", "lead_id"), max_length=MOST_ID)
    email: Text = Field(
        default="", validation_alias=spelled("email", "recipient", "to", "e_mail", "mail"), max_length=MOST_EMAIL
    )
    event: Annotated[EmailHappening, BeforeValidator(happening)] = Field(validation_alias=spelled(*SPELLINGS))
    event_sent: Prose = Field(default="", max_length=256, description="the same in the sender's own word")
    link: Text = Field(default="", validation_alias=spelled("link", "url", "href"), max_length=4096)
    error: Prose = Field(default="", validation_alias=spelled("error", "reason", "error_message"), max_length=4096)
    at: Moment = Field(default=None, validation_alias=spelled("at", "time", "timestamp", "created_at"))

    @model_validator(mode="before")
    @classmethod
    def _sent(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("event_sent"):
            return value
        names = {*SPELLINGS, "eventType"}
        sent = next((value[name] for name in (*SPELLINGS, "eventType") if value.get(name) not in (None, "")), None)
        if sent is None or (isinstance(sent, str) and not sent.strip()):
            return {key: item for key, item in value.items() if key not in names}
        return {**value, "event_sent": sent if isinstance(sent, str | int | float) else str(type(sent).__name__)}

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not (self.email_id.strip() or self.email.strip() or self.contact_id.strip()):
            raise ValueError("email_id, email or contact_id is needed")
        return self

    def subject(self) -> str | None:
        """The contact's id, else the address, else the message."""
        return self.contact_id.strip() or self.email.strip().lower() or self.email_id.strip() or None

    def own_id(self) -> str | None:
        """The event's id: an e-mail can be opened twice."""
        return self.event_id.strip() or None

    def happened(self) -> datetime | None:
        """When it was."""
        return self.at
