"""An error that Meta tells of beside messages and statuses.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/errors
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import WhatsAppUpdate


class WhatsAppErrorReported(WhatsAppUpdate):
    """Something went wrong at Meta that is no failed message."""

    trigger: ClassVar[str] = "whatsapp.error_reported"
    recurs: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "phone_number_id": "106540352242922",
        "code": "130429",
        "error": "Rate limit hit",
        "detail": "Message failed to send because there were too many messages sent from this phone number",
        "at": "2026-03-02T09:31:00Z",
    }

    code: Text = Field(default="", max_length=64)
    error: Prose = Field(default="", max_length=4096)
    detail: Prose = Field(default="", max_length=4096)

    def own_id(self) -> str | None:
        """What it says, and when; it has no id, and mostly no time."""
        return self.told_once()
