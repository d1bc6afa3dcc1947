"""A WhatsApp message's status, as WhatsApp Cloud API sends it to a source with `platform: whatsapp_cloud`.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.message_status import MessageStatusPayload
from contracts.triggers.payload import Text, Words
from contracts.triggers.whatsapp_updates import UserId, WhatsAppAccount

GROUP = "group"


class WhatsAppStatusUpdated(MessageStatusPayload, WhatsAppAccount):
    """A WhatsApp message that was sent has a new status."""

    trigger: ClassVar[str] = "whatsapp.status_updated"
    title: ClassVar[str] = "WhatsApp: Status Updated"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM2",
        "recipient": "351912345678",
        "status": "read",
        "at": "2026-03-02T09:30:00Z",
    }

    recipient_type: Text = Field(default="", max_length=64, description="`group` where `recipient` is a group's id")
    recipient_user_id: UserId = ""
    participant: Text = Field(default="", max_length=512, description="of a group's message: who of it this is about")
    error_codes: Words = Field(default_factory=list, max_length=100, description="Meta's codes, where it failed")

    def subject(self) -> str | None:
        """A group's own id; else the recipient's digits or id, else the message."""
        return (self.recipient.strip() if self.recipient_type == GROUP else "") or super().subject()

    def own_id(self) -> str | None:
        """The message and its status, of each participant; it can fail for several reasons, one after the other."""
        parts = (super().own_id(), self.participant.strip(), *sorted(self.error_codes))
        return "/".join(part for part in parts if part) if parts[0] else None
