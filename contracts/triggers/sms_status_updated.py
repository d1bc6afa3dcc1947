"""SMS: Status Updated (sent, delivered, failed …). The shape is assumed: Closum publishes none."""

from __future__ import annotations

from typing import Any, ClassVar

from contracts.triggers.message_status import MessageStatusPayload


class SmsStatusUpdated(MessageStatusPayload):
    """An SMS has a new status."""

    trigger: ClassVar[str] = "closum.sms.status_updated"
    title: ClassVar[str] = "SMS: Status Updated"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "sms-77120",
        "recipient": "351912345678",
        "status": "failed",
        "error": "unknown subscriber",
        "at": "2026-03-02T09:30:00Z",
    }
