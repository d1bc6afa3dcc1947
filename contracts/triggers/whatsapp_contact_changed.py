"""A person has another number, another id or another phone on WhatsApp.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.contact_fields import MOST_PHONE
from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import UserId, WhatsAppPersonUpdate


class WhatsAppContactChanged(WhatsAppPersonUpdate):
    """A contact changed: `from` is who they were, the other fields what is new, as far as WhatsApp says."""

    trigger: ClassVar[str] = "whatsapp.contact_changed"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM7",
        "kind": "user_changed_number",
        "from": "351912345678",
        "new_number": "351911111111",
        "detail": "User Inês changed from 351912345678 to 351911111111",
        "at": "2026-03-02T09:31:00Z",
    }

    message_id: Text = Field(default="", max_length=512)
    kind: Text = Field(
        default="",
        max_length=128,
        description="user_changed_number, user_changed_user_id, customer_identity_changed, user_id_update, …",
    )
    new_number: Text = Field(default="", max_length=MOST_PHONE, description="their number from now on")
    new_user_id: UserId = ""
    previous_user_id: UserId = ""
    detail: Prose = Field(default="", max_length=4096)

    def own_id(self) -> str | None:
        """The notice's own id; without one who it is, what changed, and when."""
        if self.message_id.strip():
            return f"changed/{self.message_id}"
        when = self.at.isoformat() if self.at else ""
        told = (self.from_, self.kind, self.new_number, self.new_user_id, when)
        return "/".join(("changed", *told)) if when else None
