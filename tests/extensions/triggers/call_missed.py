"""A made-up trigger of Closum's: nobody took a call. The shape is assumed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from contracts.triggers.payload import Payload, Text, digits, spelled
from contracts.triggers.sent_times import Moment


class CallMissed(Payload):
    """Somebody called, and nobody took the call."""

    trigger: ClassVar[str] = "closum.call.missed"
    title: ClassVar[str] = "Call: Missed"
    example: ClassVar[dict[str, Any]] = {"call_id": "c-17", "from": "912 345 678", "at": "2026-03-02T09:30:00Z"}

    call_id: Text = Field(default="", validation_alias=spelled("call_id", "id"), max_length=256)
    caller: Text = Field(validation_alias=spelled("caller", "from", "phone"), min_length=1, max_length=250)
    called_at: Moment = Field(default=None, validation_alias=spelled("called_at", "at", "time"))

    def subject(self) -> str | None:
        """The caller's digits: one person's calls come in order."""
        return digits(self.caller)

    def own_id(self) -> str | None:
        """The call's id."""
        return self.call_id.strip() or None

    def happened(self) -> datetime | None:
        """When the phone rang."""
        return self.called_at
