"""WhatsApp: Message Received. The shape is assumed: Closum publishes none."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from contracts.triggers.payload import Payload, spelled


class Contact(BaseModel):
    """Who wrote, as far as Closum knows them."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    name: str = Field(default="", validation_alias=spelled("name", "full_name", "profile_name"))
    email: str = ""


class WhatsAppMessageReceived(Payload):
    """A contact wrote on WhatsApp."""

    trigger: ClassVar[str] = "closum.whatsapp.message_received"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM1",
        "from": "+351 912 345 678",
        "text": "Olá! Quero saber mais 🙂",
        "contact": {"name": "Inês Conceição"},
    }

    message_id: str = Field(default="", validation_alias=spelled("message_id", "id", "wamid"))
    from_: str = Field(
        validation_alias=spelled("from", "from_", "phone", "mobile_number", "sender"),
        serialization_alias="from",
        min_length=1,
        max_length=64,
    )
    text: str = Field(default="", validation_alias=spelled("text", "message", "body"), max_length=65_536)
    contact: Contact = Contact()

    def subject(self) -> str | None:
        """The phone, as sent but for everything that is no digit."""
        return "".join(sign for sign in self.from_ if sign.isdigit()) or self.from_

    def own_id(self) -> str | None:
        """The message's id."""
        return self.message_id or None
