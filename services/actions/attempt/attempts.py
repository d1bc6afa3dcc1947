"""Makes attempts: the journal is asked, the call is made, the journal is told, and the end is published."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from services.actions import metrics
from services.actions.attempt import deadline, sending, verification
from services.actions.attempt.deadline import TooLateError
from services.actions.attempt.ends import Ends, quietly
from services.actions.attempt.http import Before, HttpCall
from services.actions.attempt.perform import attempt
from services.actions.attempt.plan import Call, Plan, bug
from services.actions.attempt.retry import free_wait_seconds, may_be_denied_to_all
from services.actions.attempt.sending import HELD_SECONDS, Known, UnderWay
from services.actions.attempt.states import LOST, Asking, Ended, Later, Lost, Sending, Waiting
from services.actions.journal.journal import Journal, Tenure
from services.actions.limits.limits import Limits
from services.actions.outcome import Done, Failed
from services.actions.world import REAL, World
from services.runtime import logging
from services.runtime.http import Client

log = logging.get("attempts")


class Attempts:
    """`call_seconds`: whole time of a call that says no other. `verify_seconds`: see `states.Asking.quiet_seconds`."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        limits: Limits,
        ends: Ends,
        *,
        call_seconds: float,
        verify_seconds: float,
        world: World = REAL,
    ) -> None:
        self._client = client
        self._journal = journal
        self._limits = limits
        self._ends = ends
        self._call_seconds = call_seconds
        self._verify_seconds = verify_seconds
        self._world = world

    async def make(self, plan: Plan, state: Waiting | Asking, tenure: Tenure) -> Ended | Later | Lost:
        """One attempt. What nobody foresaw ends it too; raises only when there is not even a dead letter."""
        if tenure.over:
            return LOST
        way = self._under_way(plan, state, tenure)
        try:
            if isinstance(plan.call, Failed):
                return await self._after(way, plan.call)
            if isinstance(state, Asking):
                return await self._ask(way, plan.call, state)
            return await self._send(way, plan.call, state)
        except Exception as error:  # noqa: BLE001 - the last guard: a dead letter, told as a bug
            return await self._broke(way, error)

    async def broke(self, plan: Plan, state: Waiting | Asking, tenure: Tenure, error: Exception) -> Ended | Lost:
        """End a request whose handling raised what nobody foresaw: a dead letter. Raises only when there is none."""
        way = self._under_way(plan, state, tenure)
        return await self._broke(way, error)

    def _under_way(self, plan: Plan, state: Waiting | Asking, tenure: Tenure) -> UnderWay:
        return UnderWay(
            plan,
            state,
            tenure,
            journal=self._journal,
            limits=self._limits,
            call_seconds=self._call_seconds,
            world=self._world,
        )

    async def _send(self, way: UnderWay, call: Call, waiting: Waiting) -> Ended | Later | Lost:
        plan, began = way.plan, self._world.now()
        assert plan.request is not None  # noqa: S101 - as there is a call
        since = self._since(plan, waiting, began)
        try:
            if (cause := plan.request.too_late(self._world.wall())) is not None:
                return await self._after(way, await way.too_late(cause))
            way.state = Waiting(waiting.attempts + 1, since, waiting.maybe, waiting.free)
            outcome = await attempt(call.action, call.inputs, self._call(plan, call, way.begin))
        except Known as found:
            return await self._known(way, call, found, waiting, since)
        except TooLateError as late:
            return await self._after(way, late.end)
        name, action = plan.connection, plan.request.action
        charged = True
        if isinstance(way.state, Sending) or (isinstance(outcome, Failed) and outcome.away):
            charged = self._limits.told(name, plan.lane, plan.step, outcome)
        label = "done" if isinstance(outcome, Done) else outcome.code.value
        metrics.ATTEMPT.labels(name, action).observe(self._world.now() - began)
        metrics.ATTEMPTS.labels(name, action, label).inc()
        if isinstance(outcome, Failed):
            outcome = self._denied(way, outcome, began, charged=charged)
            if outcome.again and not charged:
                return await self._free(way, outcome, began)
            if waiting.attempts and isinstance(way.state, Waiting):
                return await self._unsent(way, call, outcome, waiting, since)
        return await self._judge(way, call, outcome, charged=charged)

    async def _unsent(
        self, way: UnderWay, call: Call, failed: Failed, waiting: Waiting, since: float
    ) -> Ended | Later | Lost:
        """It failed without a request, but the journal knows of earlier ones: what ends here ends there too."""
        wait = self._wait(way, failed)
        if wait is None:
            try:
                await way.take()
            except Known as found:
                return await self._known(way, call, found, waiting, since)
        return await self._follow(way, failed, wait)

    async def _known(
        self, way: UnderWay, call: Call, found: Known, waiting: Waiting, since: float
    ) -> Ended | Later | Lost:
        """The journal knows more than this worker."""
        assert way.plan.request is not None  # noqa: S101 - as there is a call
        known = sending.outcome(found.decision, outputs_needed=not way.plan.request.last)
        if known is None:
            return Later(HELD_SECONDS, waiting, here=True)
        made = sending.attempts(found.decision, waiting.attempts)
        way.state = Waiting(made, since, waiting.maybe, waiting.free)
        return await self._judge(way, call, known)

    def _since(self, plan: Plan, waiting: Waiting, now: float) -> float:
        """Since when an attempt that begins now is tried, without the time that stood still."""
        if not waiting.attempts:
            return now
        if waiting.still is not None:
            return waiting.began + now - waiting.still
        stood = self._limits.stood(plan.connection)
        return waiting.began + stood - (stood if waiting.stood is None else waiting.stood)

    def _denied(self, way: UnderWay, failed: Failed, began: float, *, charged: bool) -> Failed:
        """What was denied twice is final where others could do it meanwhile; else it may be the connection's.

        Credentials end while calls are under way, so once says nothing.
        """
        plan = way.plan
        if not may_be_denied_to_all(failed, plan.connection):
            return failed
        twice = charged and way.state.attempts > 1
        alone = twice and self._limits.denied_alone(plan.connection, plan.lane, plan.step, began)
        return failed if alone else replace(failed, again=True)

    async def _free(self, way: UnderWay, failed: Failed, began: float) -> Later | Lost:
        """It was the connection's or the step's fault: no attempt is used up, and time stands still from its begin."""
        asked = isinstance(way.state, Asking)
        if (asked or isinstance(way.state, Sending)) and not await sending.settle(
            self._journal, way.plan, way.tenure, failed, again=True, free=True, asked=asked
        ):
            return _lost(way)
        state = way.left(maybe=failed.maybe)
        if way.tenure.over:
            return LOST
        wait = free_wait_seconds(state.free, failed.retry_after_seconds, chance=self._world.chance)
        self._tell("attempt.failed", way, failed, next_seconds=round(wait, 3), fault="connection")
        await self._ends.failed(way.plan, failed, state, free=True, next_seconds=wait)
        way.state = waiting = replace(state, attempts=state.attempts - 1, free=state.free + 1, still=began)
        return Later(wait, waiting)

    async def _judge(
        self, way: UnderWay, call: Call, outcome: Done | Failed, *, charged: bool = True
    ) -> Ended | Later | Lost:
        """It is unknown until the destination says more, where that can be asked; unless a person is asked already.

        That one ended so, and what comes of it is theirs to say: its record is only a replay, and ends as it did.
        """
        if not isinstance(outcome, Failed) or not outcome.unknown or call.action.verifier(call.inputs) is None:
            return await self._after(way, outcome)
        if not isinstance(way.state, Sending) and await self._ends.asked(way.plan):
            return await self._after(way, outcome)
        return await self._doubt(way, outcome, charged=charged)

    async def _doubt(self, way: UnderWay, failed: Failed, *, charged: bool) -> Ended | Later | Lost:
        """So it is for whoever goes on with it after this worker. `charged`: the attempt counts, if it was none."""
        # Not `maybe`, which stays: what is unknown may have happened anyway, and what comes of it is not known yet.
        sent, state = isinstance(way.state, Sending), way.left()
        unknown = Failed(failed.code, failed.cause, again=False, unknown=True)
        if sent and not await sending.settle(self._journal, way.plan, way.tenure, unknown, again=False):
            return _lost(way)
        self._tell("call.doubted", way, failed)
        now = self._world.now()
        way.state = asking = Asking(
            failed, state.attempts, state.began, self._verify_seconds, now, free=state.free, charged=charged
        )
        wait = verification.first_wait_seconds(asking, now)
        if wait is None:
            return await self._after(way, failed)
        return Later(max(0.0, wait), asking, here=True)

    async def _ask(self, way: UnderWay, call: Call, asking: Asking) -> Ended | Later | Lost:
        plan = way.plan
        assert plan.request is not None  # noqa: S101 - as there is a call
        verdict, came = await verification.ask(call.action, call.inputs, self._call(plan, call))
        self._limits.told(plan.connection, plan.lane, plan.step, came)
        label = verification.LABELS[type(verdict)]
        metrics.VERIFICATIONS.labels(plan.connection, plan.request.action, label).inc()
        now = self._world.now()
        told_seconds = came.retry_after_seconds if isinstance(came, Failed) else None
        judged = verification.judged(asking, verdict, now, told_seconds)
        if isinstance(judged, Later):
            return judged
        # What it waited for was our not knowing: `within` stood still.
        way.state = replace(asking, began=asking.began + now - asking.since)
        if isinstance(judged, Failed) and judged.again and not asking.charged:
            return await self._free(way, judged, now)
        return await self._after(way, judged)

    async def _after(self, way: UnderWay, outcome: Done | Failed) -> Ended | Later | Lost:
        return await self._follow(way, outcome, self._wait(way, outcome) if isinstance(outcome, Failed) else None)

    async def _follow(self, way: UnderWay, outcome: Done | Failed, wait: float | None) -> Ended | Later | Lost:
        """What follows from an outcome: another attempt after `wait`; None: its end."""
        plan, asked = way.plan, isinstance(way.state, Asking)
        if asked or isinstance(way.state, Sending):
            again = wait is not None
            if not await sending.settle(self._journal, plan, way.tenure, outcome, again=again, asked=asked):
                return _lost(way)
        waiting = way.left(maybe=not asked and isinstance(outcome, Failed) and outcome.maybe)
        if way.tenure.over:
            return LOST
        if wait is not None:
            assert isinstance(outcome, Failed)  # noqa: S101 - nothing else is made again
            told = outcome.retry_after_seconds is not None
            await self._ends.failed(plan, outcome, waiting, free=False, next_seconds=wait)
            return Later(wait, replace(waiting, free=0, still=self._world.now() if told else None))
        ended = await self._ends.publish(plan, outcome, waiting)
        if isinstance(ended.outcome, Failed) and not deadline.never_made(ended.outcome):
            self._tell("call.failed", way, ended.outcome)
        return ended

    async def _broke(self, way: UnderWay, error: Exception) -> Ended | Lost:
        plan, state = way.plan, way.state
        failed = bug(plan.record, error, maybe=state.maybe or state.attempts > 0)
        if isinstance(state, Sending):
            await quietly(lambda: sending.settle(self._journal, plan, way.tenure, failed, again=False))
            self._journal.abandon(plan.effect)
        return LOST if way.tenure.over else await self._ends.bury(plan, failed, state)

    def _call(self, plan: Plan, call: Call, before: Before | None = None) -> HttpCall:
        assert plan.request is not None  # noqa: S101 - as there is a call
        heard = partial(self._limits.heard, plan.connection)
        seconds = call.seconds or self._call_seconds
        return HttpCall(self._client, call.connection, plan.request.effect_id, seconds, before=before, heard=heard)

    def _wait(self, way: UnderWay, failed: Failed) -> float | None:
        call, state = way.plan.call, way.state
        if not failed.again or isinstance(call, Failed):
            return None
        elapsed = self._world.now() - state.began
        wait = call.schedule.wait_seconds(
            state.attempts, elapsed, failed.retry_after_seconds, chance=self._world.chance
        )
        if wait is not None:
            self._tell("attempt.failed", way, failed, next_seconds=round(wait, 3))
        return wait

    def _tell(self, event: str, way: UnderWay, failed: Failed, **more: object) -> None:
        """The one line of an attempt or end that did not go well, with every id."""
        ids: dict[str, object] = {}
        if (request := way.plan.request) is not None:
            run = request.run
            ids = {"event_id": run.event.id, "run_id": run.id, "flow": run.flow, "step": request.step}
            ids |= {"effect_id": request.effect_id, "action": request.action, "connection": request.connection}
        topic, partition, offset = way.plan.record.coordinates
        log.warning(
            event,
            code=failed.code.value,
            cause=failed.cause,
            attempts=way.state.attempts,
            topic=topic,
            partition=partition,
            offset=offset,
            **ids,
            **more,
        )


def _lost(way: UnderWay) -> Later | Lost:
    """The effect is held under another number: who works on this partition now goes on with it.

    That can be this worker, under a new one: then it asks the journal anew.
    """
    return LOST if way.tenure.over else Later(HELD_SECONDS, way.left(), here=True)
