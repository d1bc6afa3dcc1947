"""A person took a WhatsApp message back.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/revoke
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppMessageDeleted(WhatsAppPersonUpdate):
    """A contact deleted a message that they had written."""

    trigger: ClassVar[str] = "whatsapp.message_deleted"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM3",
        "original_message_id": "wamid.HBgM1",
        "from": "351912345678",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    original_message_id: Text = Field(default="", max_length=512, description="the message that is no more")

    def own_id(self) -> str | None:
        """The deletion's own id."""
        return f"deleted/{self.message_id}" if self.message_id.strip() else None
