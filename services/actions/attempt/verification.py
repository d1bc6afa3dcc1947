"""A call that may have been made and must not be made twice, whose destination can be asked whether it was.

It is asked soon, for the answer is mostly "it is there". "It is not there" is believed only once nothing of the call
can be on its way any more: until then it is asked again. Nor is it asked before a Retry-After that it gives instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from contracts.errors import ErrorCode
from services.actions.action import Implementation
from services.actions.action_call import ActionCall, CallFailedError
from services.actions.attempt.states import Asking, Later
from services.actions.effect_verification import EffectAbsent, EffectHappened, EffectUnknown, Verdict
from services.actions.outcome import Done, Failed
from services.flows.catalogue import BaseInputs
from services.runtime import logging

log = logging.get("verification")
FIRST_SECONDS = 0.25
LONGEST_SECONDS = 8.0
LONGEST_TOLD_SECONDS = 3_600.0
"""So long its Retry-After is waited for, in all; one that ends later leaves the question open, for a person."""
LONGEST_WHY = 500
LABELS: Mapping[type[Verdict], str] = {
    EffectHappened: "happened",
    EffectAbsent: "did_not",
    EffectUnknown: "cannot_tell",
}
NOT_THERE = "The destination was asked, and the effect is not there"


def wait_seconds(asking: Asking, now: float) -> float:
    """How long until the destination is asked; 0 and less: this is the last time."""
    left = asking.quiet_seconds - (now - asking.since)
    return min(left, LONGEST_SECONDS, FIRST_SECONDS * 2.0**asking.asked)


def first_wait_seconds(asking: Asking, now: float) -> float | None:
    """As `wait_seconds`, for the first time; None: by what it said to the call itself, never."""
    return _told(asking, wait_seconds(asking, now), now, asking.failed.retry_after_seconds)


def _told(asking: Asking, wait: float, now: float, told_seconds: float | None) -> float | None:
    """The wait, when it is not to be asked before these are over; None: that is too late."""
    if told_seconds is None:
        return wait
    return max(wait, told_seconds) if now - asking.since + told_seconds <= LONGEST_TOLD_SECONDS else None


def judged(asking: Asking, verdict: Verdict, now: float, told_seconds: float | None = None) -> Done | Failed | Later:
    """What follows from the destination's word. `told_seconds`: it is not to be asked before those are over.

    A call that did not happen may be made again, whatever its error was.
    """
    asked = dataclasses.replace(asking, asked=asking.asked + 1)
    if isinstance(verdict, EffectHappened):
        return Done(verdict.outputs.model_dump(mode="json", by_alias=True))
    wait = _told(asked, wait_seconds(asked, now), now, told_seconds)
    if wait is not None and wait > 0:
        return Later(wait, asked, here=True)
    failed = asking.failed
    if isinstance(verdict, EffectAbsent):
        return Failed(failed.code, f"{failed.cause}. {NOT_THERE}", again=True)
    cause = f"{failed.cause}. Asked {asked.asked} times, the destination left it open: {verdict.why}"
    return dataclasses.replace(failed, cause=cause)


async def ask(action: Implementation, inputs: BaseInputs, call: ActionCall) -> tuple[Verdict, Done | Failed]:
    """The destination's word, and what came of the call that asked. Raises nothing but CancelledError."""
    verify = action.verifier(inputs)
    if verify is None:
        return EffectUnknown("the action has no way to ask"), Done({})
    try:
        return await verify(inputs, call), Done({})
    except CallFailedError as error:
        return EffectUnknown(error.cause[:LONGEST_WHY]), Failed.of(error, None)
    except Exception as error:
        # A fault in an action's file must not end the worker.
        log.exception("verify.broke", action=action.signature.name, effect_id=call.effect_id)
        cause = f"{action.signature.name}: {type(error).__name__}"
        return EffectUnknown(cause), Failed(ErrorCode.BUG, cause, again=False)
