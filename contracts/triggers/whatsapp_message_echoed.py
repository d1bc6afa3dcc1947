"""A message that somebody of ours wrote in the WhatsApp Business app.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_message_echoes
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Prose, Text
from contracts.triggers.phones import number_subject
from contracts.triggers.whatsapp_updates import UserId, WhatsAppUpdate


class WhatsAppMessageEchoed(WhatsAppUpdate):
    """We wrote to a contact from the app, or changed or deleted what we wrote there."""

    trigger: ClassVar[str] = "whatsapp.message_echoed"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM8",
        "to": "351912345678",
        "kind": "text",
        "text": "Bom dia, Inês",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    to: Text = Field(default="", max_length=250, description="to whom: a phone's digits, a person's or a group's id")
    to_user_id: UserId = ""
    kind: Text = Field(default="", max_length=128, description="text, image, …; edit and revoke of an earlier one")
    original_message_id: Text = Field(default="", max_length=512, description="of an edit or revoke: what it changes")
    text: Prose = Field(default="", max_length=65_536)

    def subject(self) -> str | None:
        """Who gets it."""
        return number_subject(self.to) or self.to_user_id.strip() or super().subject()

    def own_id(self) -> str | None:
        """The message's id."""
        return f"echo/{self.kind}/{self.message_id}" if self.message_id.strip() else None
