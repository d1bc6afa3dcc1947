"""Takes a job through its stages: before (is there anything to do?), attempt, after (publish the end, or wait)."""

from __future__ import annotations

import time
from collections.abc import Callable

from contracts.errors import ErrorCode
from services.actions.delivery import ends, known
from services.actions.delivery.attempt import Done, Failed, attempt
from services.actions.delivery.books import Books
from services.actions.delivery.calling import HttpCall
from services.actions.delivery.job import Job, Ready
from services.actions.delivery.publisher import Publisher
from services.actions.parking.parking import Parking
from services.runtime import logging, metrics
from services.runtime.http import Client
from services.runtime.kafka import MessageTooLargeError

log = logging.get("courier")


class Courier:
    """`owned(job)`: whether its partition is still ours. If not, nothing of it is published and nothing repeated."""

    def __init__(
        self,
        client: Client,
        publisher: Publisher,
        books: Books,
        parking: Parking,
        call_seconds: float,
        *,
        owned: Callable[[Job], bool],
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._books = books
        self._parking = parking
        self._call_seconds = call_seconds
        self._owned = owned

    async def work(self, job: Job) -> float | None:
        """One attempt. The seconds until the next; None when the job is over."""
        if not self._owned(job):
            return None
        outcome = await self._attempt(job)
        if isinstance(outcome, float):
            return outcome
        wait = self._wait(job, outcome) if isinstance(outcome, Failed) else None
        if job.open and not await known.settle(self._books.journal, job, outcome, again=wait is not None):
            return None  # who works on this partition now goes on with it
        if not self._owned(job):
            return None
        if wait is not None:
            return await self._later(job, wait)
        await self._end(job, outcome)
        if job.parked is not None:
            await self._parking.finished(job)
        job.prefix.finish(job.record.offset)
        return None

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
        seconds = plan.seconds or self._call_seconds
        before = known.before(self._books.journal, job)
        call = HttpCall(self._client, plan.connection, request.effect_id, seconds, before)
        began = time.perf_counter()
        try:
            outcome = await attempt(plan.action, plan.inputs, call)
        except known.Known as found:
            job.attempts -= 1
            return known.outcome(found.decision, outputs_needed=not request.last)
        job.maybe = job.maybe or (isinstance(outcome, Failed) and outcome.maybe)
        name = request.connection or ""
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
        ends.count(job, outputs, failed)
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
