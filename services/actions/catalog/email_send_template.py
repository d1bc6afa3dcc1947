"""closum.email.send_template: Email: Send Template. Path and fields are assumed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import Absent, AnswerId, Id, StrictInputs
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee
from services.flows.refined import Email, Timestamp


class Inputs(StrictInputs):
    """What it takes."""

    to: Email = Field(description="whom it goes to")
    template: Id = Field(description="name or id of the template")
    variables: dict[str, str | int | float | bool] | None = Field(
        default=None, description="values of the template's variables, by name"
    )
    subject: Annotated[Annotated[str, Field(max_length=500)] | None, Absent] = Field(
        default=None, description="another subject than the template's"
    )
    send_time: Annotated[Timestamp | None, Absent] = Field(default=None, description="later; absent: now")


class Outputs(BaseModel):
    """What it gives."""

    email_id: AnswerId = Field(description="id of the message; empty when Closum does not say")


@action(
    "closum.email.send_template",
    title="Email: Send Template",
    group=Group.COMMUNICATION,
    guarantee=Guarantee.AT_MOST_ONCE,
    endpoint=Endpoint("POST", "email/send-template/", Basis.ASSUMED),
    examples=[
        Example(
            "a welcome",
            {"to": "ines@example.com", "template": "welcome", "variables": {"name": "Inês"}},
            {"email_id": "1"},
        )
    ],
)
async def email_send_template(inputs: Inputs, call: ActionCall) -> Outputs:
    """Send an e-mail from a template."""
    said = await ask(call, email_send_template, inputs.model_dump(), Guarantee.AT_MOST_ONCE)
    return Outputs(email_id=said.identity("email_id"))
