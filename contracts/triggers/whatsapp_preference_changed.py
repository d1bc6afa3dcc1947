"""A person stopped marketing messages on WhatsApp, or takes them again.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from contracts.triggers.payload import Prose, Text
from contracts.triggers.whatsapp_updates import WhatsAppPersonUpdate

STOP = "stop"


class WhatsAppPreferenceChanged(WhatsAppPersonUpdate):
    """A contact said whether they want marketing messages: `stop` is their no, which the law makes ours."""

    trigger: ClassVar[str] = "whatsapp.preference_changed"
    example: ClassVar[dict[str, Any]] = {
        "from": "351912345678",
        "category": "marketing_messages",
        "value": "stop",
        "detail": "User requested to stop marketing messages",
        "at": "2026-03-02T09:31:00Z",
    }

    stop: bool = Field(default=False, description="they want no more of this category; by `value`, whatever was sent")
    value: Text = Field(min_length=1, max_length=128, description="stop, resume, signup, or what Meta adds")
    category: Text = Field(default="", max_length=128)
    detail: Prose = Field(default="", max_length=4096)

    @model_validator(mode="before")
    @classmethod
    def _unsaid(cls, value: object) -> object:
        return {name: item for name, item in value.items() if name != "stop"} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _stops(self) -> Self:
        self.__dict__["stop"] = self.value.strip().lower() == STOP
        return self

    def own_id(self) -> str | None:
        """Who, what and when: Meta gives it no id."""
        when = self.at.isoformat() if self.at else ""
        who = (self.phone_number_id, self.from_ or self.user_id)
        return "/".join(("preference", *who, self.category, self.value, when)) if when else None
