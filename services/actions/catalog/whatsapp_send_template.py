"""closum.whatsapp.send_template: WhatsApp: Send Message Template. Fields are assumed, in WhatsApp Cloud's terms."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from services.actions.action import action
from services.actions.call import Call
from services.actions.closum import WHATSAPP_SEND_TEMPLATE, ask, identity
from services.flows.catalogue import Guarantee


class Inputs(BaseModel):
    """What it takes."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(pattern=r"^[1-9][0-9]{5,14}$", description="digits with country code, no plus")
    template: str = Field(min_length=1, max_length=512, description="name of an approved template")
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", description="its language code, such as pt_PT")
    parameters: list[str] = Field(default_factory=list, max_length=50, description="values of its body, in order")


class Outputs(BaseModel):
    """What it gives."""

    message_id: str = Field(description="id of the message")


@action("closum.whatsapp.send_template", guarantee=Guarantee.AT_MOST_ONCE)
async def whatsapp_send_template(inputs: Inputs, call: Call) -> Outputs:
    """Send a WhatsApp message from an approved template."""
    data = await ask(call, WHATSAPP_SEND_TEMPLATE, inputs.model_dump(), Guarantee.AT_MOST_ONCE)
    return Outputs(message_id=identity(WHATSAPP_SEND_TEMPLATE, data))
