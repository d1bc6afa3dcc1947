"""A call on WhatsApp: it comes in, rings, is taken, ends.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/reference
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppCallUpdated(WhatsAppPersonUpdate):
    """A call with a contact has a new state. `from` is the contact, whoever called."""

    trigger: ClassVar[str] = "whatsapp.call_updated"
    example: ClassVar[dict[str, Any]] = {
        "call_id": "wacid.ABGG1",
        "from": "351912345678",
        "event": "terminate",
        "direction": "USER_INITIATED",
        "status": "COMPLETED",
        "at": "2026-03-02T09:31:00Z",
    }

    call_id: Text = Field(default="", max_length=512)
    event: Text = Field(default="", max_length=128, description="connect, terminate, …; empty: a status")
    status: Text = Field(default="", max_length=128, description="COMPLETED, FAILED, RINGING, ACCEPTED, REJECTED, …")
    direction: Text = Field(default="", max_length=128, description="USER_INITIATED or BUSINESS_INITIATED")

    def own_id(self) -> str | None:
        """The call and its state."""
        return f"call/{self.call_id}/{self.event}/{self.status}" if self.call_id.strip() else None
