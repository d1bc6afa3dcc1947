"""One attempt of one request: call the action's function, and say in one of few ways what came of it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.faults import first_faults
from services.actions import metrics
from services.actions.action import Implementation
from services.actions.action_call import ActionCall, CallFailedError
from services.actions.outcome import UNREPEATED, Done, Failed
from services.flows.catalogue import BaseInputs, Guarantee
from services.runtime import logging

log = logging.get("attempt")
MOST_FAULTS = 10


def checked(action: Implementation, inputs: dict[str, Any]) -> BaseInputs | Failed:
    """The inputs as the action's model, or what is wrong with them, by field."""
    try:
        return action.signature.inputs.model_validate(inputs)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'inputs'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in first_faults(error, MOST_FAULTS)
        ]
        return Failed(ErrorCode.INPUT_INVALID, f"{action.signature.name}: {'; '.join(faults)}", again=False)


async def attempt(action: Implementation, inputs: BaseInputs, call: ActionCall) -> Done | Failed:
    """Make one attempt. Raises nothing but CancelledError, and what is no Exception.

    A call whose effect may have happened is made again only if its guarantee says that this is harmless.
    """
    try:
        outputs = await action.run(inputs, call)
        if action.gauge is not None:
            metrics.CREDITS_LEFT.labels(call.connection).set(getattr(outputs, action.gauge))
        return Done(outputs.model_dump(mode="json", by_alias=True))
    except CallFailedError as error:
        return Failed.of(error, call.guarantee)
    except Exception as error:
        # A fault in an action's file must not end the worker.
        log.exception("attempt.broke", action=action.signature.name, effect_id=call.effect_id)
        unknown = call.guarantee is Guarantee.AT_MOST_ONCE
        cause = f"{action.signature.name}: {type(error).__name__}" + (UNREPEATED if unknown else "")
        return Failed(ErrorCode.BUG, cause, again=False, maybe=call.guarantee is not None, unknown=unknown)
