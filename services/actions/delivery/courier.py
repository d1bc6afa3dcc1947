"""Takes a job through its stages: before (is there anything to do?), attempt, after (publish the end, or wait)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable
from functools import partial

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS_DLQ
from services.actions import metrics
from services.actions.delivery import doubt, ends, known
from services.actions.delivery.attempt import Done, Failed, attempt
from services.actions.delivery.books import Books
from services.actions.delivery.calling import Before, HttpCall
from services.actions.delivery.doubt import Doubt
from services.actions.delivery.job import Job, Ready, bug
from services.actions.limits.gates import Gates
from services.actions.parking.parking import Parking
from services.runtime import logging
from services.runtime.death_hold import DeathHold
from services.runtime.http import Client
from services.runtime.kafka import MessageTooLargeError
from services.runtime.kafka.publishing import BatchPublisher

log = logging.get("courier")


class Courier:
    """`owned(job)`: whether its partition is still ours. If not, nothing of it is published and nothing repeated."""

    def __init__(
        self,
        client: Client,
        publisher: BatchPublisher,
        *,
        books: Books,
        parking: Parking,
        gates: Gates,
        guard: DeathHold,
        call_seconds: float,
        verify_seconds: float,
        owned: Callable[[Job], bool],
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._books = books
        self._parking = parking
        self._gates = gates
        self._guard = guard
        self._call_seconds = call_seconds
        self._verify_seconds = verify_seconds
        self._owned = owned

    async def work(self, job: Job) -> float | None:
        """One attempt. The seconds until the next; None when the job is over."""
        if not self._owned(job):
            return None
        job.tried = self._guard.now()
        outcome = await (self._attempt(job) if job.doubt is None else self._asked(job, job.doubt))
        if isinstance(outcome, float):
            return outcome
        doubtful = _doubtful(job, outcome)
        return await (self._after(job, outcome) if doubtful is None else self._doubt(job, doubtful))

    async def broke(self, job: Job, error: Exception) -> None:
        """End a job whose work raised what nobody foresaw: a dead letter, with whatever else can be told of its end.

        Returns when Kafka has acknowledged the letter. Raises only when there is none: then nothing may be committed.
        """
        failed = bug(job.record, error, maybe=job.maybe or job.attempts > 0)
        if job.open:
            await self._quietly(lambda: known.settle(self._books.journal, job, failed, again=False))
            self._books.journal.abandon(job.effect)
            job.open = False
        if not self._owned(job):
            return
        if not job.ended:
            letter, end = ends.dead(job, failed)
            await self._publisher.publish([letter])
            await self._quietly(lambda: self._publisher.publish([end]))
            self._guard.ended(job.sort.flow, dead=True, began=job.tried)
        if job.parked is not None:
            await self._quietly(lambda: self._parking.finished(job))
        job.prefix.finish(job.record.offset)

    async def _quietly(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("end.untold")

    async def _after(self, job: Job, outcome: Done | Failed) -> float | None:
        wait = self._wait(job, outcome) if isinstance(outcome, Failed) else None
        told = job.open or job.doubt is not None
        if told and not await known.settle(self._books.journal, job, outcome, again=wait is not None):
            return None  # who works on this partition now goes on with it
        if job.doubt is not None:
            job.doubt = None
            await self._books.answered(job, outcome)
        if not self._owned(job):
            return None
        if wait is not None:
            return await self._later(job, wait)
        await self._end(job, outcome)
        if job.parked is not None:
            await self._parking.finished(job)
        job.prefix.finish(job.record.offset)
        return None

    async def _doubt(self, job: Job, failed: Failed) -> float | None:
        """It is unknown until the destination says more; so it is for whoever goes on with it after this worker."""
        # Not `maybe`, which stays: what is unknown may have happened anyway, and what comes of it is not known yet.
        unknown = dataclasses.replace(failed, maybe=False)
        if job.open and not await known.settle(self._books.journal, job, unknown, again=False):
            return None
        job.maybe = False
        job.doubt = Doubt(failed, self._verify_seconds)
        self._tell("call.doubted", job, failed)
        return max(0.0, job.doubt.wait_seconds())

    async def _asked(self, job: Job, doubted: Doubt) -> Done | Failed | float:
        plan, request = job.plan, job.request
        assert isinstance(plan, Ready)  # noqa: S101 - nothing else is doubted
        assert request is not None  # noqa: S101 - as above
        verdict, came = await doubt.ask(plan.action, plan.inputs, self._call(plan, request))
        name = request.connection or ""
        self._gates.told(name, job.lane, came)
        metrics.VERIFICATIONS.labels(name, request.action, doubt.LABELS[type(verdict)]).inc()
        return doubted.judged(verdict)

    def _call(self, plan: Ready, request: ActionRequest, before: Before | None = None) -> HttpCall:
        return HttpCall(
            self._client,
            plan.connection,
            request.effect_id,
            plan.seconds or self._call_seconds,
            before=before,
            heard=partial(self._gates.heard, request.connection or ""),
        )

    async def _later(self, job: Job, wait: float) -> float | None:
        """A short wait is spent in the lane, a long one in PostgreSQL."""
        if wait <= self._parking.park_seconds:
            return wait
        await self._parking.park(job, wait)
        return None

    async def _attempt(self, job: Job) -> Done | Failed | float:
        plan, request = job.plan, job.request
        if isinstance(plan, Failed) or request is None:
            assert isinstance(plan, Failed)  # noqa: S101 - without a request there is no other plan
            return plan
        if job.attempts == 0:
            job.began = time.monotonic()
        job.attempts += 1
        call = self._call(plan, request, known.before(self._books.journal, self._gates, job))
        began = time.perf_counter()
        try:
            outcome = await attempt(plan.action, plan.inputs, call)
        except known.Known as found:
            job.attempts = known.attempts(found.decision, job.attempts - 1)
            return known.outcome(found.decision, outputs_needed=not request.last)
        job.maybe = job.maybe or (isinstance(outcome, Failed) and outcome.maybe)
        name = request.connection or ""
        if job.open or (isinstance(outcome, Failed) and outcome.away):
            self._gates.told(name, job.lane, outcome)
        label = "done" if isinstance(outcome, Done) else outcome.code.value
        metrics.ATTEMPT.labels(name, request.action).observe(time.perf_counter() - began)
        metrics.ATTEMPTS.labels(name, request.action, label).inc()
        return outcome

    def _wait(self, job: Job, failed: Failed) -> float | None:
        plan = job.plan
        if not failed.again or not isinstance(plan, Ready):
            return None
        wait = plan.schedule.wait_seconds(job.attempts, time.monotonic() - job.began, failed.retry_after_seconds)
        if wait is not None:
            self._tell("attempt.failed", job, failed, next_seconds=round(wait, 3))
        return wait

    async def _end(self, job: Job, outcome: Done | Failed) -> None:
        failed = outcome if isinstance(outcome, Failed) else None
        outputs = ends.end(job, outcome)
        await self._books.close(job, failed)
        try:
            await self._publisher.publish(outputs)
        except MessageTooLargeError as error:
            failed = Failed(
                ErrorCode.MESSAGE_TOO_LARGE, f"with the answer, the run has {error}", again=False, maybe=True
            )
            outputs = ends.dead(job, failed)
            await self._publisher.publish(outputs)
        job.ended = True
        dead = any(output.topic is ACTIONS_DLQ for output in outputs)
        self._guard.ended(job.sort.flow, dead=dead, began=job.tried)
        if failed is not None:
            self._tell("call.failed", job, failed)

    def _tell(self, event: str, job: Job, failed: Failed, **more: object) -> None:
        """The one line of an attempt or end that did not go well, with every id."""
        ids: dict[str, object] = {}
        if (request := job.request) is not None:
            run = request.run
            ids = {"event_id": run.event.id, "run_id": run.id, "flow": run.flow, "step": request.step}
            ids |= {"effect_id": request.effect_id, "action": request.action, "connection": request.connection}
        topic, partition, offset = job.record.coordinates
        log.warning(
            event,
            code=failed.code.value,
            cause=failed.cause,
            attempts=job.attempts,
            topic=topic,
            partition=partition,
            offset=offset,
            **ids,
            **more,
        )


def _doubtful(job: Job, outcome: Done | Failed) -> Failed | None:
    """The failure of which the destination is to be asked first."""
    if not isinstance(outcome, Failed) or not outcome.unknown or job.doubt is not None:
        return None
    asks = isinstance(job.plan, Ready) and job.plan.action.verifier(job.plan.inputs) is not None
    return outcome if asks else None
