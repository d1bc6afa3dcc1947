"""closum.whatsapp.send_template: WhatsApp: Send Message Template. Fields are assumed, in WhatsApp Cloud's terms."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import Absent, AnswerId, Mobile, StrictInputs, digits
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Url


class Header(StrictInputs):
    """What stands above the body: a text's value, or a file."""

    kind: Literal["text", "image", "video", "document"] = Field(description="as the template has it")
    text: Annotated[Annotated[str, Field(max_length=1024)] | None, Absent] = Field(
        default=None, description="of kind text"
    )
    url: Annotated[Url | None, Absent] = Field(default=None, description="where the file is, of every other kind")

    @model_validator(mode="after")
    def _right_one(self) -> Self:
        needed = "text" if self.kind == "text" else "url"
        if (self.text is None) == (needed == "text") or (self.url is None) == (needed == "url"):
            raise ValueError(f"a header of kind {self.kind} has {needed} and nothing else")
        return self


class Button(StrictInputs):
    """The value of one of the template's buttons."""

    index: int = Field(ge=0, le=9, description="which one, from 0")
    kind: Literal["url", "quick_reply"] = Field(description="as the template has it")
    value: str = Field(min_length=1, max_length=2000, description="the end of the address, or the payload of the reply")


class Inputs(StrictInputs):
    """What it takes."""

    to: Mobile = Field(description="whom it goes to")
    template: str = Field(min_length=1, max_length=512, description="name of an approved template")
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", description="its language code, such as pt_PT")
    parameters: list[str] = Field(default_factory=list, max_length=50, description="values of its body, in order")
    header: Header | None = Field(default=None, description="value of its header, where it has one")
    buttons: list[Button] | None = Field(default=None, max_length=10, description="values of its buttons")


class Outputs(BaseModel):
    """What it gives."""

    message_id: AnswerId = Field(description="id of the message; empty when Closum does not say")


@action(
    "closum.whatsapp.send_template",
    title="WhatsApp: Send Message Template",
    group=Group.COMMUNICATION,
    guarantee=Guarantee.AT_MOST_ONCE,
    raises=("whatsapp.status_updated",),
    endpoint=Endpoint("POST", "whatsapp/send-template/", Basis.ASSUMED),
    examples=[
        Example(
            "with a picture and a link",
            {
                "to": "351912345678",
                "template": "welcome",
                "language": "pt_PT",
                "parameters": ["Inês"],
                "header": {"kind": "image", "url": "https://example.com/a.png"},
                "buttons": [{"index": 0, "kind": "url", "value": "abc"}],
            },
            {"message_id": "wamid.1"},
        )
    ],
)
async def whatsapp_send_template(inputs: Inputs, call: ActionCall) -> Outputs:
    """Send a WhatsApp message from an approved template."""
    fields = {**inputs.model_dump(exclude_none=True), "to": digits(inputs.to)}
    said = await ask(call, whatsapp_send_template, fields, Guarantee.AT_MOST_ONCE)
    return Outputs(message_id=said.identity("message_id"))
