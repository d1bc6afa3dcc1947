"""All triggers that ship with the product, by name. A sources file declares more: services/flows/declared.py."""

from __future__ import annotations

from contracts.triggers.contact_updated import ContactUpdated
from contracts.triggers.lead_created import LeadCreated
from contracts.triggers.payload import Payload
from contracts.triggers.sms_status_updated import SmsStatusUpdated
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived
from contracts.triggers.whatsapp_status_updated import WhatsAppStatusUpdated

MODELS: tuple[type[Payload], ...] = (
    ContactUpdated,
    LeadCreated,
    SmsStatusUpdated,
    WhatsAppMessageReceived,
    WhatsAppStatusUpdated,
)
TRIGGERS: dict[str, type[Payload]] = {model.trigger: model for model in MODELS}
