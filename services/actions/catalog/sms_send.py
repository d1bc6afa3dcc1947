"""closum.sms.send: SMS: Send One-Time Message. Fields as Closum's V2 documents them; the answer's are assumed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import Absent, AnswerId, Mobile, StrictInputs, digits
from services.closum.endpoint import PUBLIC, PUBLIC_ON, Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Timestamp
from services.flows.sms import divided

# GSM 03.40: up to 11 characters of a name, or up to 15 digits of a number.
SENDER = r"^([0-9A-Za-z][0-9A-Za-z ._&-]{0,10}|\+?[0-9]{3,15})$"


class Inputs(StrictInputs):
    """What it takes."""

    recipient: Mobile = Field(description="whom it goes to")
    message: str = Field(min_length=1, max_length=20_000, description="the text")
    sender: Annotated[Annotated[str, Field(pattern=SENDER)] | None, Absent] = Field(
        default=None, description="a name of at most 11 characters, or a number; absent: the account's own"
    )
    send_time: Annotated[Timestamp | None, Absent] = Field(default=None, description="later; absent: now")
    max_parts: int = Field(
        default=10,
        ge=1,
        le=255,
        description="a text of more parts is refused: each is paid. `sms.segments` counts them",
    )

    @model_validator(mode="after")
    def _affordable(self) -> Self:
        found = divided(self.message)
        if found.parts > self.max_parts:
            raise ValueError(
                f"message takes {found.parts} parts of {found.per_part} ({found.encoding}), max_parts is "
                f"{self.max_parts}: shorten it, or raise max_parts"
            )
        return self


class Outputs(BaseModel):
    """What it gives."""

    sms_id: AnswerId = Field(description="id of the message; empty when Closum does not say")
    parts: int = Field(description="how many SMS it takes: each is paid")


@action(
    "closum.sms.send",
    title="SMS: Send One-Time Message",
    group=Group.COMMUNICATION,
    guarantee=Guarantee.AT_MOST_ONCE,
    raises=("closum.sms.status_updated",),
    endpoint=Endpoint("POST", "sms/send/", Basis.CONFIRMED, by=PUBLIC, on=PUBLIC_ON),
    examples=[
        Example(
            "tomorrow afternoon",
            {
                "recipient": "+351912345678",
                "message": "Olá",
                "sender": "Loja",
                "send_time": "2026-05-31T14:30:00+01:00",
            },
            {"sms_id": "1", "parts": 1},
        )
    ],
)
async def sms_send(inputs: Inputs, call: ActionCall) -> Outputs:
    """Send an SMS."""
    fields = {**inputs.model_dump(exclude={"max_parts"}), "recipient": digits(inputs.recipient)}
    said = await ask(call, sms_send, fields, Guarantee.AT_MOST_ONCE)
    return Outputs(sms_id=said.an_id("sms_id"), parts=divided(inputs.message).parts)
