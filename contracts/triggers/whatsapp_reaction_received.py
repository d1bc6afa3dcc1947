"""A person reacted to a WhatsApp message of ours.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/reaction
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppReactionReceived(WhatsAppPersonUpdate):
    """A contact reacted to a message of ours, or took their reaction back."""

    trigger: ClassVar[str] = "whatsapp.reaction_received"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM5",
        "reacted_to": "wamid.HBgM2",
        "from": "351912345678",
        "emoji": "👍",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    reacted_to: Text = Field(default="", max_length=512, description="our message")
    emoji: Text = Field(default="", max_length=64, description="empty: it was taken back")

    def own_id(self) -> str | None:
        """The reaction's own id."""
        return f"reaction/{self.message_id}" if self.message_id.strip() else None
