"""What Meta says of our account and numbers: bans, limits, quality, names, reviews.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update
and the references of account_alerts, account_review_update, business_capability_update, phone_number_name_update,
phone_number_quality_update and security.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Text
from contracts.triggers.whatsapp_updates import WhatsAppUpdate


class WhatsAppAccountUpdated(WhatsAppUpdate):
    """Our business account or one of our numbers changed at Meta. What it says of it is in `raw`."""

    trigger: ClassVar[str] = "whatsapp.account_updated"
    example: ClassVar[dict[str, Any]] = {
        "business_account_id": "102290129340398",
        "field": "account_update",
        "event": "ACCOUNT_VIOLATION",
        "violation_info": {"violation_type": "SCAM"},
        "at": "2026-03-02T09:31:00Z",
    }

    field: Text = Field(default="", max_length=128, description="Meta's name for the kind of change")
    event: Text = Field(default="", max_length=256)

    def own_id(self) -> str | None:
        """What it says, and when: Meta gives it no id."""
        return self.told_once()
