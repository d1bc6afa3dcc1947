"""The queue: who goes next, and what waits where. It alone parks, finishes and counts what attempts return."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from contracts.topics import ACTIONS
from services.actions import metrics
from services.actions.attempt.attempts import Attempts
from services.actions.attempt.plan import Plan
from services.actions.attempt.states import Ended, Later, Lost, Waiting
from services.actions.journal.journal import Journal
from services.actions.limits.limits import LOOK_SECONDS, Limits
from services.actions.queue import flow_faults
from services.actions.queue.assignment import Assignment, Assignments
from services.actions.queue.intake import KEPT, Bounds, Intake
from services.actions.queue.job import Job
from services.actions.queue.lanes import Lanes
from services.actions.queue.parking import Parking
from services.actions.world import REAL, World
from services.runtime import database, logging
from services.runtime import metrics as runtime_metrics
from services.runtime.flow_hold import FlowHold
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.group_offsets import TopicAndPartition

log = logging.get("queue")
MEASURE_SECONDS = 1.0
LOOK_AT_DISK_SECONDS = 5.0
# So many requests of a connection that was ill are in memory while more of it wait in PostgreSQL.
TAKEN_DOWN = 500
# So many lanes stay in memory at least to try an ill connection with.
TRIED = 10
# What a call may take beyond its own deadline until it counts as finished: its outputs are published.
PUBLISH_SECONDS = 5.0


class Queue:
    """`concurrency`: attempts at once. `plan` reads a record. `news`: what limits and parking set when something moved.

    `moved` is called whenever a request moved.
    """

    def __init__(
        self,
        attempts: Attempts,
        *,
        journal: Journal,
        limits: Limits,
        hold: FlowHold,
        parking: Parking,
        assignments: Assignments,
        bounds: Bounds,
        concurrency: int,
        plan: Callable[[ConsumedRecord], Plan],
        news: asyncio.Event,
        moved: Callable[[], object],
        world: World = REAL,
    ) -> None:
        self._attempts = attempts
        self._journal = journal
        self._limits = limits
        self._hold = hold
        self._parking = parking
        self._assignments = assignments
        self._news = news
        self._moved = moved
        self._world = world
        self._lanes: Lanes[Job] = Lanes(
            self._work,
            concurrency,
            self._bug,
            turn=lambda job: job.turn,
            gate=limits,
            guard=hold,
            clock=world.now,
            rests=lambda job: limits.rests(job.turn.connection, job.plan.step),
            begins=lambda job: limits.tries(job.turn.connection, job.plan.step),
        )
        self._intake = Intake(bounds, plan, self._lanes, parking, hold, ill=limits.all_shut)
        self._measured = world.now()
        self._loading: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._leaving = False
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def full(self) -> bool:
        """Whether no partition is to be consumed."""
        return self._intake.full

    @property
    def has_room(self) -> bool:
        """Whether partitions may be consumed again."""
        return self._intake.has_room

    @property
    def longest_seconds(self) -> float:
        """How long a call takes at most until its end is published."""
        return self._intake.longest_call + PUBLISH_SECONDS

    def begin(self) -> None:
        """From now on it follows what limits and parking tell."""
        self._beside = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep_in_step())]
        for task in self._beside:
            task.add_done_callback(self._ended)

    def take(self, place: TopicAndPartition, records: Sequence[ConsumedRecord]) -> None:
        """Records of a partition, in order. Those of one that is being given up are left to its next owner."""
        assignment = self._assignments.get(place)
        if assignment is not None and not assignment.leaving:
            self._intake.take(assignment, records)

    def turn(self) -> None:
        """To be called now and then. Raises for a bug of which not even a dead letter could be made."""
        if self._broken.done():
            self._broken.result()
        now = self._world.now()
        if (passed := now - self._measured) > MEASURE_SECONDS:
            self._intake.measure(passed)
            self._measured = now
        self._shelve(KEPT)
        self._pump()
        if not self._leaving:
            self._intake.refill()
        self._intake.show()
        self._parking.show()
        metrics.LANES_OPEN.set(self._lanes.open)

    def waits_rightly(self) -> bool:
        """Whether there is work at hand that takes no longer than it may, so that nothing else needs to move."""
        if self._parking.full or self._parking.entering or any(one.entering for one in self._assignments):
            return True
        lanes = self._lanes
        return lanes.pending > 0 and not lanes.stuck and lanes.oldest_work_seconds() < self.longest_seconds

    def assigned(self, places: Collection[TopicAndPartition]) -> None:
        """Take over partitions. Each is consumed once its parked lanes are known: `entering`."""
        for place in places:
            if (before := self._assignments.get(place)) is not None:
                self._leave(before)
            topic, partition = place
            assignment = Assignment(place, self._journal.enter(f"{topic}/{partition}"))
            self._assignments.add(assignment)
            assignment.entering = asyncio.create_task(self._enter(assignment))
        self._moved()

    def begin_leaving(self, places: Collection[TopicAndPartition]) -> list[Assignment]:
        """Begin nothing more of these partitions; those of them that are ours."""
        gone = [one for place in places if (one := self._assignments.get(place)) is not None]
        for assignment in gone:
            assignment.leaving = True
            self._intake.drop(assignment)
        self._lanes.drop(lambda job: job.assignment.leaving)
        return gone

    async def settled(self, seconds: float) -> bool:
        """Wait until nothing of what is being left is at work. False when time is over first."""
        return await self._lanes.settled(lambda job: self._leaving or job.assignment.leaving, seconds)

    def leave(self, gone: Collection[Assignment]) -> None:
        """They are somebody else's now."""
        for assignment in gone:
            self._leave(assignment)

    def drain(self) -> int:
        """Begin nothing more at all; how many were left to whoever comes next."""
        self._leaving = True
        return self._intake.drop() + len(self._lanes.drop(lambda _: True))

    @property
    def pending(self) -> int:
        """Requests in memory that are not finished."""
        return self._lanes.pending

    async def close(self) -> None:
        """Stop at once."""
        tasks = [*self._beside, *([self._loading] if self._loading else [])]
        tasks += [one.entering for one in self._assignments if one.entering is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lanes.close()
        await self._parking.close()
        await self._journal.close()

    async def _work(self, job: Job) -> float | None:
        """One attempt of a job. The seconds until the next; None when it is over, here at least."""
        began = self._hold.now()
        plan, tenure = job.plan, job.assignment.tenure
        came: Ended | Later | Lost = await self._attempts.make(plan, job.state, tenure)
        wait: float | None = None
        # One whose partition was given up meanwhile touches nothing: what is in its lane now is another tenure's.
        if isinstance(came, Later) and not tenure.over:
            job.state = came.state
            try:
                wait = await self._later(job, came)
            except Exception as error:  # noqa: BLE001 - the last guard: a dead letter, told as a bug
                came = await self._attempts.broke(plan, job.state, tenure, error)
        if isinstance(came, Ended):
            flow_faults.ended(self._hold, plan.request, came, began)
            await self._finish(job)
        self._moved()
        if wait is None:
            self._intake.finished(job.turn.flow)
            if not self._leaving:
                self._intake.refill()
        # No further attempt here for what somebody else goes on with. It is not finished, so it is not committed.
        if wait is None or self._leaving or job.assignment.leaving:
            return None
        job.again = self._world.now() + wait
        return wait

    async def _later(self, job: Job, later: Later) -> float | None:
        """A short wait is spent in the lane, a long one in PostgreSQL."""
        if later.here or later.seconds <= self._parking.park_seconds or not isinstance(later.state, Waiting):
            return later.seconds
        await self._parking.park(job, self._lanes.cut(job.lane), later.seconds)
        return None

    async def _finish(self, job: Job) -> None:
        if job.parked is not None:
            try:
                await self._parking.finished(job)
            except Exception:
                log.exception("row.left", position=job.plan.record.position)
                runtime_metrics.BUGS.labels(ACTIONS.name).inc()
        job.finish()

    def _put(self, job: Job) -> None:
        """Take in a job that was parked; of a partition that is being given up it is left to the next owner."""
        if job.assignment.leaving:
            return
        if job.state.attempts:
            self._limits.suspect(job.turn.connection, job.lane)
        self._lanes.put(job.lane, job)

    def _pump(self) -> None:
        """What was parked comes into memory: what PostgreSQL could not hold at once, what is due as there is room."""
        while self._parking.refused:
            self._put(self._parking.refused.pop())
        if self._loading is None and self._may_load():
            self._loading = asyncio.create_task(self._load())

    def _shelve(self, most: int) -> None:
        """What waits for an ill connection leaves memory, where that is more: so its offsets can be committed.

        What came from PostgreSQL, to try the connection with, stays: it holds up no offset. But not too much of it.
        So does what waits for a moment of its own: it would be forgotten there.
        """
        now = self._world.now()
        for connection in self._limits.all_shut():
            pending = self._lanes.pending_at(connection)
            if pending > most:
                keep = TRIED if pending > 2 * KEPT else pending
                for job in self._lanes.shed(connection, _is_parked, keep, stays=lambda job: job.waits_here(now)):
                    self._parking.shelve(job)

    def _may_load(self) -> bool:
        may = not self._leaving and self._intake.room_for_parked > 0
        return may and (self._parking.due or bool(self._to_take_down()))

    def _to_take_down(self) -> list[tuple[Assignment, str]]:
        """Shelves of connections that are called, and have few requests in memory."""
        return [
            (assignment, connection)
            for assignment, connection in self._parking.shelves()
            if not self._limits.shut(connection) and self._lanes.pending_at(connection) < TAKEN_DOWN
        ]

    async def _load(self) -> None:
        try:
            while self._may_load():
                jobs = await self._parking.load() if self._parking.due else []
                for job in jobs:
                    self._put(job)
                for assignment, connection in self._to_take_down():
                    most = self._intake.room_for_parked
                    taken = await self._parking.take_down(assignment, connection, most) if most > 0 else []
                    for job in taken:
                        self._put(job)
                    jobs += taken
                if not jobs:
                    break
        finally:
            self._loading = None

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self._pump()
            self._lanes.kick()

    async def _keep_in_step(self) -> None:
        """With the other workers, and with what is on disk."""
        looked = -math.inf
        while True:
            try:
                await self._limits.look(self._lanes.waiting)
                self._lanes.kick()
                self._shelve(0)
                if seldom := (now := self._world.now()) - looked >= LOOK_AT_DISK_SECONDS:
                    looked = now
                    with suppress(*database.FAULTS):
                        await self._parking.look()
                await self._try_newest(seldom=seldom)
                await self._end_late()
            except Exception:  # the fault of what one row holds: the next look goes on without it, or tells it again
                log.exception("look.broke")
                runtime_metrics.BUGS.labels(ACTIONS.name).inc()
            await asyncio.sleep(LOOK_SECONDS)

    async def _end_late(self) -> None:
        """End what is past its deadline wherever it waits: behind others, read ahead, for an ill connection, parked."""
        if self._leaving:
            return
        wall = self._world.wall()

        def is_late(job: Job) -> bool:
            return not job.assignment.leaving and job.late(wall)

        late = self._lanes.drop(is_late) if self._lanes.some(is_late) else []
        late += self._intake.late(wall)
        late += await self._parking.late(wall)
        await asyncio.gather(*map(self._end, late))

    async def _end(self, job: Job) -> None:
        try:
            came = await self._attempts.make(job.plan, job.state, job.assignment.tenure)
            if isinstance(came, Later):  # the journal knows more of it than that it is late
                job.state = came.state
                self._put(job)
            elif isinstance(came, Ended):
                await self._finish(job)
                self._intake.finished(job.turn.flow)
        except Exception as error:  # noqa: BLE001 - not even its dead letter could be made
            self._bug(job, error)
        self._moved()

    async def _try_newest(self, *, seldom: bool) -> None:
        """Lanes that came last are to try an ill connection: where none could, or, now and then, all failed last."""
        for connection in self._limits.all_shut():
            waiting = self._lanes.waiting(connection, self._limits.failed_last(connection))
            if waiting is None or (seldom and not waiting):
                await self._parking.take_newest(connection)

    async def _enter(self, assignment: Assignment) -> None:
        try:
            await self._parking.enter(assignment)
        except Exception as error:  # noqa: BLE001 - without them nothing of it may be consumed
            self._break(error)
        else:
            assignment.entering = None

    def _leave(self, assignment: Assignment) -> None:
        if assignment.entering is not None:
            assignment.entering.cancel()
        self._intake.drop(assignment)
        self._assignments.remove(assignment)
        self._journal.leave(assignment.tenure)
        self._parking.leave(assignment)

    def _bug(self, job: Job, error: BaseException) -> None:
        """Not even its dead letter could be made: whoever comes next begins with this record again."""
        log.critical("job.broke", coordinates=job.plan.record.coordinates, exc_info=error)
        self._break(error)

    def _ended(self, beside: asyncio.Task[None]) -> None:
        """Without what goes on beside it the queue would stand still, and say nothing."""
        if not beside.cancelled() and (error := beside.exception()) is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)


def _is_parked(job: Job) -> bool:
    return job.parked is not None
