"""A person sent on WhatsApp what its API does not show, such as a poll.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/unsupported
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppMessageUnsupported(WhatsAppPersonUpdate):
    """A contact did something that WhatsApp Cloud API tells nothing of; also a deletion can come so."""

    trigger: ClassVar[str] = "whatsapp.message_unsupported"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM6",
        "from": "351912345678",
        "kind": "poll_creation",
        "error": "Message type unknown",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    kind: Text = Field(default="", max_length=128, description="what it was, where WhatsApp says so")
    error: Prose = Field(default="", max_length=4096)

    def own_id(self) -> str | None:
        """The message's id."""
        return f"unsupported/{self.message_id}" if self.message_id.strip() else None
