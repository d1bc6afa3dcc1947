"""closum.sms.check_credits: SMS: Check Credits. Path and answer are assumed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.errors import ErrorCode
from services.actions.action import action
from services.actions.call import Call, CallFailedError
from services.actions.closum import ask
from services.actions.fields import Strict
from services.flows.catalogue import Guarantee


class Inputs(Strict):
    """It takes nothing."""


class Outputs(BaseModel):
    """What it gives."""

    credits: float = Field(description="SMS credits that are left")


@action("closum.sms.check_credits", guarantee=Guarantee.REPEATABLE, gauge="credits")
async def sms_check_credits(inputs: Inputs, call: Call) -> Outputs:
    """Ask how many SMS credits are left."""
    said = await ask(call, "closum.sms.check_credits", inputs.model_dump(), Guarantee.REPEATABLE)
    try:
        return Outputs(credits=float(said.text("credits")))
    except ValueError:
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID, f"Closum's answer to {said.endpoint.path} holds no number of credits"
        ) from None
