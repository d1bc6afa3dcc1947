"""closum.sms.check_credits: SMS: Check Credits. Path and answer are assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.errors import ErrorCode
from services.actions.action import action
from services.actions.action_call import ActionCall, CallFailedError
from services.actions.closum import ask
from services.actions.fields import StrictInputs
from services.closum.endpoint import Basis, Endpoint, FieldPlacement
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(StrictInputs):
    """It takes nothing."""


class Outputs(BaseModel):
    """What it gives."""

    credits: float = Field(description="SMS credits that are left")


@action(
    "closum.sms.check_credits",
    title="SMS: Check Credits",
    group=Group.OTHER,
    guarantee=Guarantee.REPEATABLE,
    gauge="credits",
    endpoint=Endpoint("GET", "sms/balance/", Basis.ASSUMED, answer={"credits": "balance"}, place=FieldPlacement.QUERY),
    examples=[Example("what is left", {}, {"credits": 10000})],
)
async def sms_check_credits(inputs: Inputs, call: ActionCall) -> Outputs:
    """Ask how many SMS credits are left."""
    said = await ask(call, sms_check_credits, inputs.model_dump(), Guarantee.REPEATABLE)
    try:
        return Outputs(credits=float(said.text("credits")))
    except ValueError:
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID, f"Closum's answer to {said.endpoint.path} holds no number of credits"
        ) from None
