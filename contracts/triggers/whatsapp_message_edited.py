"""A person changed a WhatsApp message.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/edit
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppMessageEdited(WhatsAppPersonUpdate):
    """A contact changed a message that they had written."""

    trigger: ClassVar[str] = "whatsapp.message_edited"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM4",
        "original_message_id": "wamid.HBgM1",
        "from": "351912345678",
        "text": "Quero saber mais, por favor",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    original_message_id: Text = Field(default="", max_length=512, description="the message that was changed")
    text: Prose = Field(default="", max_length=65_536, description="what it says now")

    def own_id(self) -> str | None:
        """The edit's own id."""
        return f"edited/{self.message_id}" if self.message_id.strip() else None
