"""All triggers, by name."""

from __future__ import annotations

from contracts.triggers.lead_created import LeadCreated
from contracts.triggers.payload import Payload
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived

TRIGGERS: dict[str, type[Payload]] = {model.trigger: model for model in (LeadCreated, WhatsAppMessageReceived)}
