"""The journal around an attempt: asked before a request leaves, told what came of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from contracts.errors import ErrorCode
from services.actions.delivery.attempt import Done, Failed
from services.actions.delivery.job import Job
from services.actions.journal.effects import (
    Decision,
    Fenced,
    Go,
    HasFailed,
    Held,
    IsUnknown,
    Settle,
    State,
    WasDone,
)
from services.actions.journal.journal import Journal
from services.actions.limits.gates import Gates
from services.flows.catalogue import Guarantee
from services.flows.creations import made

MAX_ANSWER_BYTES = 262_144
HELD_SECONDS = 1.0
# A request that did not leave for so long after the journal said yes, because its process was paused, asks again: so
# nobody who asked the destination meanwhile is overtaken by it.
STALE_SECONDS = 10.0


class Known(BaseException):  # not an Exception: no action's file may swallow it
    """Nothing is to be sent: the journal knows more."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.decision = decision


def before(journal: Journal, gates: Gates, job: Job) -> Callable[[Guarantee], Awaitable[None]]:
    """What a call does when its request is about to leave. Raises Known unless it may."""
    began = time.monotonic()
    connection = "" if job.request is None else job.request.connection or ""

    async def begin(guarantee: Guarantee) -> None:
        if job.open:  # a further request of the same attempt, with a weaker guarantee
            journal.abandon(job.effect)
        decision = await journal.begin(job.prefix, job.effect, guarantee, job.record.offset)
        if not isinstance(decision, Go):
            raise Known(decision)
        if not job.open:
            job.open = True
            job.attempts = decision.attempts
            job.maybe = job.maybe or decision.maybe
            job.began = time.monotonic() - decision.age_seconds
            granted = time.monotonic()
            await gates.punctual(connection, began)
            if time.monotonic() - granted > STALE_SECONDS:
                job.open = False
                journal.abandon(job.effect)
                await begin(guarantee)

    return begin


def attempts(decision: Decision, known: int) -> int:
    """How many were made: the journal's number where it has one."""
    return decision.attempts if isinstance(decision, HasFailed | IsUnknown) else known


def outcome(decision: Decision, *, outputs_needed: bool) -> Done | Failed | float:
    """What an earlier outcome means for this request; seconds: ask again after them."""
    if isinstance(decision, WasDone):
        if decision.answer is not None:
            outputs: dict[str, Any] = orjson.loads(decision.answer)
            return Done(outputs)
        if not outputs_needed:
            return Done({})
        cause = f"it was done before, but its answer was over {MAX_ANSWER_BYTES} bytes and was not kept"
        return Failed(ErrorCode.ANSWER_INVALID, cause, again=False, maybe=True)
    if isinstance(decision, HasFailed):
        return Failed(decision.code, decision.cause, again=False, maybe=decision.maybe)
    if isinstance(decision, IsUnknown):
        return Failed(decision.code, decision.cause, again=False, maybe=True, unknown=True)
    assert isinstance(decision, Held | Fenced)  # noqa: S101 - Go is no end
    return HELD_SECONDS


async def settle(journal: Journal, job: Job, came: Done | Failed, *, again: bool) -> bool:
    """Tell the journal; False: the effect is somebody else's now."""

    def entry(epoch: int) -> Settle:
        if isinstance(came, Done):
            answer = orjson.dumps(came.outputs)
            kept = answer if len(answer) <= MAX_ANSWER_BYTES else None
            new = None if job.request is None else made(job.request, came.outputs)
            return Settle(job.effect, epoch, State.DONE, kept, made=new)
        state = State.CLAIMED if again else State.UNKNOWN if came.unknown else State.FAILED
        return Settle(job.effect, epoch, state, code=came.code, cause=came.cause, maybe=came.maybe)

    job.open = False
    return await journal.settle(job.prefix, entry)
