"""Any other change that Meta tells of: groups, history, flows, payments, and what it adds later.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate


class WhatsAppChanged(WhatsAppPersonUpdate):
    """A change that has no trigger of its own: by `field` and `kind` a flow tells which; `value` is as it was sent."""

    trigger: ClassVar[str] = "whatsapp.changed"
    recurs: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "business_account_id": "102290129340398",
        "field": "group_participants_update",
        "subject_id": "Y2FwaV9ncm91cDox",
        "value": {"groups": [{"group_id": "Y2FwaV9ncm91cDox", "type": "group_participants_add"}]},
        "at": "2026-03-02T09:31:00Z",
    }

    field: Text = Field(default="", max_length=256, description="Meta's name for the kind of change")
    kind: Text = Field(default="", max_length=256, description="the type, where it came among the messages")
    subject_id: Text = Field(default="", max_length=512, description="the group that it is about, where it is")
    value: dict[str, Any] = Field(default_factory=dict)

    def subject(self) -> str | None:
        """The group, else the person, else our number."""
        return self.subject_id.strip() or super().subject()

    def own_id(self) -> str | None:
        """What it says, and when."""
        return self.told_once()
