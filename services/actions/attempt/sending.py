"""The journal around an attempt: asked before a request leaves, told what came of it."""

from __future__ import annotations

from typing import Any

import orjson

from contracts.errors import ErrorCode
from services.actions.attempt import deadline
from services.actions.attempt.plan import Plan
from services.actions.attempt.states import Sending, State, Waiting
from services.actions.journal.effects import (
    Decision,
    Fenced,
    Go,
    HasFailed,
    Held,
    IsUnknown,
    Settle,
    WasDone,
)
from services.actions.journal.effects import State as EffectState
from services.actions.journal.journal import Journal, Tenure
from services.actions.limits.limits import Limits
from services.actions.outcome import Done, Failed
from services.actions.world import World
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


class UnderWay:
    """One attempt under way. `state` is where it is now, also after an exception."""

    __slots__ = ("_began", "_call_seconds", "_fresh", "_journal", "_limits", "_world", "plan", "state", "tenure")

    def __init__(
        self,
        plan: Plan,
        state: State,
        tenure: Tenure,
        *,
        journal: Journal,
        limits: Limits,
        call_seconds: float,
        world: World,
    ) -> None:
        self.plan = plan
        self.state = state
        self.tenure = tenure
        self._journal = journal
        self._limits = limits
        self._call_seconds = call_seconds
        self._world = world
        self._began = world.now()
        self._fresh = state.attempts == 0 and state.free == 0

    def __repr__(self) -> str:
        return f"UnderWay({self.plan!r}, {self.state!r})"

    async def begin(self, guarantee: Guarantee) -> bool:
        """What a call does when its request is about to leave. Raises Known unless it may, TooLateError if late.

        It answers whether an earlier request for the same effect may be at work still.
        """
        plan, further = self.plan, isinstance(self.state, Sending)
        if further:  # a further request of the same attempt, with a weaker guarantee
            self._journal.abandon(plan.effect)
        # When it was asked, not when its answer was heard: this process may have stood still in between.
        before, asked = self.state, self._world.now()
        decision = await self._journal.begin(
            self.tenure, plan.effect, guarantee, plan.record.offset, self._keyed_seconds()
        )
        if not isinstance(decision, Go):
            raise Known(decision)
        maybe = before.maybe or (decision.maybe and not further)
        if not further:
            if self._fresh:  # what other workers did before, and since when, only the journal knows
                began = self._world.now() - decision.age_seconds
                self.state = Sending(decision.attempts, began, maybe, before.free)
            else:
                self.state = Sending(before.attempts, before.began, maybe, before.free)
            await self._limits.punctual(plan.connection, self._began)
        if self._world.now() - asked > STALE_SECONDS:
            self.state = before
            self._journal.abandon(plan.effect)
            return await self.begin(guarantee)
        if plan.request is not None and not further:
            deadline.check(plan.request, self._world.wall(), maybe=maybe)
        return maybe

    async def too_late(self, cause: str) -> Failed:
        """What is done instead of a call that is too late. Raises Known where the journal knows what came of it."""
        return deadline.too_late(cause, maybe=await self.take())

    async def take(self) -> bool:
        """Have the journal say that its call is ended here. Raises Known where it knows what came of it.

        Nothing leaves: whoever goes on with it after this worker does the same. It answers whether an earlier attempt
        may have had its effect.
        """
        plan, before = self.plan, self.state
        decision = await self._journal.begin(
            self.tenure, plan.effect, Guarantee.REPEATABLE, plan.record.offset, self._keyed_seconds(), leaves=False
        )
        if not isinstance(decision, Go):
            raise Known(decision)
        maybe = before.maybe or decision.maybe
        self.state = Sending(before.attempts, before.began, maybe, before.free)
        return maybe

    def left(self, *, maybe: bool = False) -> Waiting:
        """Nothing is under way any more. `maybe`: this attempt may have had its effect."""
        state, stood = self.state, self._limits.stood(self.plan.connection)
        self.state = waiting = Waiting(state.attempts, state.began, state.maybe or maybe, state.free, stood=stood)
        return waiting

    def _keyed_seconds(self) -> float | None:
        """How long after its first call a keyed one may leave again; None: for ever."""
        call = self.plan.call
        if isinstance(call, Failed) or call.connection is None or call.connection.idempotency is None:
            return None
        return call.connection.idempotency.safe_seconds(call.seconds or self._call_seconds)


def attempts(decision: Decision, known: int) -> int:
    """How many were made: the journal's number where it has one."""
    return decision.attempts if isinstance(decision, HasFailed | IsUnknown) else known


def outcome(decision: Decision, *, outputs_needed: bool) -> Done | Failed | None:
    """What an earlier outcome means for this request; None: ask again after HELD_SECONDS."""
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
    return None


async def settle(
    journal: Journal,
    plan: Plan,
    tenure: Tenure,
    came: Done | Failed,
    *,
    again: bool,
    free: bool = False,
    asked: bool = False,
) -> bool:
    """Tell the journal; False: the effect is somebody else's now.

    `free`: the attempt does not count. `asked`: that is what the destination said of the effect.
    """

    def entry(epoch: int) -> Settle:
        if isinstance(came, Done):
            answer = orjson.dumps(came.outputs)
            kept = answer if len(answer) <= MAX_ANSWER_BYTES else None
            new = None if plan.request is None else made(plan.request, came.outputs)
            return Settle(plan.effect, epoch, EffectState.DONE, kept, made=new)
        state = EffectState.CLAIMED if again else EffectState.UNKNOWN if came.unknown else EffectState.FAILED
        return Settle(
            plan.effect,
            epoch,
            state,
            code=came.code,
            cause=came.cause,
            maybe=came.maybe,
            free=free,
            absent=asked and not came.unknown,
        )

    return await journal.settle(tenure, plan.effect, entry)
