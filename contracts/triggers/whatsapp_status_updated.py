"""A WhatsApp message's status, as WhatsApp Cloud API sends it to a source with `platform: whatsapp_cloud`."""

from __future__ import annotations

from typing import Any, ClassVar

from contracts.triggers.message_status import MessageStatusPayload


class WhatsAppStatusUpdated(MessageStatusPayload):
    """A WhatsApp message that was sent has a new status."""

    trigger: ClassVar[str] = "whatsapp.status_updated"
    title: ClassVar[str] = "WhatsApp: Status Updated"
    example: ClassVar[dict[str, Any]] = {
        "message_id": "wamid.HBgM2",
        "recipient": "351912345678",
        "status": "read",
        "at": "2026-03-02T09:30:00Z",
    }
