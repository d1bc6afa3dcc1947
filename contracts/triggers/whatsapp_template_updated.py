"""A message template was approved, rejected, paused, or its quality or category changed.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update
and the references of template_category_update, message_template_quality_update and message_template_components_update.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import WhatsAppUpdate


class WhatsAppTemplateUpdated(WhatsAppUpdate):
    """A template of ours changed at Meta. Everything else that it says of it is in `raw`."""

    trigger: ClassVar[str] = "whatsapp.template_updated"
    example: ClassVar[dict[str, Any]] = {
        "business_account_id": "102290129340398",
        "field": "message_template_status_update",
        "template_id": "1689556908129832",
        "template": "order_confirmation",
        "language": "pt_PT",
        "status": "REJECTED",
        "reason": "INVALID_FORMAT",
        "at": "2026-03-02T09:31:00Z",
    }

    field: Text = Field(default="", max_length=128, description="Meta's name for the kind of change")
    template_id: Text = Field(default="", max_length=512)
    template: Prose = Field(default="", max_length=1024, description="its name")
    language: Text = Field(default="", max_length=64)
    status: Text = Field(
        default="", max_length=128, description="APPROVED, REJECTED, PAUSED, …; the new quality or the new category"
    )
    reason: Prose = Field(default="", max_length=4096)

    def subject(self) -> str | None:
        """The template."""
        return self.template_id.strip() or super().subject()

    def own_id(self) -> str | None:
        """What it says, and when: Meta gives it no id."""
        return self.told_once()
