"""What waits in PostgreSQL, and when it comes back.

A lane that waits there takes in all its later requests, so that their order stays. When it is due, its first requests
go into memory again; each is deleted when it is finished. When none is left, the lane is as any other.

What waits for an ill connection is on its shelf: all of a partition, in the order of its records, without a word of its
lanes in memory. A lane that waits by itself has the word over its rows there too.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from contracts.ids import stable_id
from contracts.topics import ACTIONS
from services.actions import metrics as actions_metrics
from services.actions.attempt.plan import Plan, broken
from services.actions.attempt.states import Waiting
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.queue.outline import Outline
from services.actions.queue.parked_places import ParkedLane, Reading, Shelf, Whereabouts
from services.actions.queue.parked_rows import ParkedRows
from services.actions.queue.parked_table import Parked
from services.actions.world import REAL, World
from services.runtime import logging, metrics
from services.runtime.apart import apart
from services.runtime.kafka import ConsumedRecord

log = logging.get("parking")
ROWS_A_LANE = 20
# With the rows above, a sixth of what memory holds.
LANES_AT_ONCE = 40
UNLOADABLE_SECONDS = 60.0
# Some of a lane's requests are on their way into the table.
UNWRITTEN_SECONDS = 0.05
# A lane that waits by itself comes back so soon after its connection was found ill.
AGAIN_SECONDS = 5.0
ROWS_OF_A_SHELF = 200
NEWEST_LANES = 10
LATE_AT_ONCE = 500


class Parking:
    """`plan` reads a record. `most`: rows over which `full` says that no more should be consumed.

    `news` is set when a lane is due, and when PostgreSQL could not hold a request: that is in `refused` then, to be put
    into memory instead.
    """

    def __init__(
        self,
        stored: ParkedRows,
        plan: Callable[[ConsumedRecord], Plan],
        *,
        park_seconds: float,
        most: int,
        most_bytes: int,
        news: asyncio.Event,
        world: World = REAL,
    ) -> None:
        self.park_seconds = park_seconds
        self.refused: list[Job] = []
        self._stored = stored
        self._plan = plan
        self._most = most
        self._most_bytes = most_bytes
        self._news = news
        self._world = world
        self._lanes: dict[Assignment, dict[str, ParkedLane]] = {}
        self._shelves: dict[Assignment, dict[str, Shelf]] = {}
        self._where: dict[Assignment, Whereabouts] = {}
        self._rows: dict[Assignment, int] = {}
        self._counting = asyncio.Lock()
        self._bytes = 0
        self._due: deque[ParkedLane] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether a bound is reached."""
        return self.part >= 1.0

    @property
    def part(self) -> float:
        """Of its bounds, of rows and of bytes on disk: what is used, as a part."""
        return max(self.rows / self._most, self._bytes / self._most_bytes)

    @property
    def entering(self) -> int:
        """Requests that are held in memory until they are in the table."""
        return len(self._tasks)

    @property
    def due(self) -> bool:
        """Whether lanes are to be loaded."""
        return bool(self._due)

    @property
    def rows(self) -> int:
        """Requests that wait in PostgreSQL; those that did when their partition came, once they are counted."""
        return max(0, sum(self._rows.values()))

    async def enter(self, assignment: Assignment) -> None:
        """A partition was assigned: find what waits. Until then nothing of it may be worked on.

        How many wait for connections is told later: to count millions takes seconds.
        """
        heads = await self._stored.heads(assignment.name)
        shelved = await self._stored.connections(assignment.name)
        self._shelves[assignment] = {connection: Shelf() for connection in shelved}
        self._rows[assignment] = sum(head.rows for head in heads)
        self._where[assignment] = Whereabouts()
        lanes = self._lanes[assignment] = {}
        for head in heads:
            lane = lanes[head.lane] = ParkedLane(head.lane, assignment)
            self._schedule(lane, head.wait_seconds)
        if shelved:
            counting = asyncio.create_task(self._count_all(assignment))
            self._counts.add(counting)
            counting.add_done_callback(self._counts.discard)

    def leave(self, assignment: Assignment) -> None:
        """It was given up; who gets it finds its rows."""
        for lane in self._lanes.pop(assignment, {}).values():
            self._forget(lane)
        self._shelves.pop(assignment, None)
        if (where := self._where.pop(assignment, None)) is not None:
            where.over = True
        self._rows.pop(assignment, None)  # what is at work for it counts no more

    def waits(self, lane: Hashable, assignment: Assignment) -> bool:
        """Whether a lane waits here by itself."""
        return _named(lane) in self._lanes.get(assignment, {})

    def has_loaded(self, offset: int, assignment: Assignment) -> bool:
        """Whether a record that comes is at hand already, from the table, as its offset was not committed in time."""
        return (where := self._where.get(assignment)) is not None and offset in where

    def takes(self, job: Job, *, shut: bool = False) -> bool:
        """Whether this request must wait behind others. Then it is written there, and finished here.

        Those are its lane's; or its connection's, which is ill (`shut`), or was.
        """
        lanes = self._lanes.get(job.assignment)
        if lanes and (lane := lanes.get(_name(job))) is not None:
            self._start(job.plan.record, job.assignment, self._append(lane, [job]))
            return True
        connection = job.turn.connection
        if connection and (shut or connection in self._shelves.get(job.assignment, ())):
            self.shelve(job)
            return True
        return False

    def takes_unread(self, record: ConsumedRecord, assignment: Assignment, about: Outline, *, shut: bool) -> bool:
        """As `takes`, for what waits for its connection: it is written as it came.

        To read it whole would take longer than all else. What is wrong with it is found when it comes back.
        """
        connection = about.lane[2]
        if not connection or not (shut or connection in self._shelves.get(assignment, ())):
            return False
        if (name := _named(about.lane)) in self._lanes.get(assignment, ()):
            return False
        row = Parked(assignment.name, name, record, 0, 0.0, still=True, connection=connection, deadline=about.deadline)
        self._shelve(self._shelf(assignment, connection, record.offset), assignment, row)
        return True

    def shelve(self, job: Job) -> None:
        """Put a request where it waits for its connection. One that came from there goes back.

        Nothing, where its partition was given up: who has it now has it from Kafka, or found its row.
        """
        if job.assignment not in self._where:
            return
        shelf = self._shelf(job.assignment, job.turn.connection, job.offset)
        if job.parked is not None:
            lane = self._lanes.get(job.assignment, {}).get(job.parked)
            if lane is not None:
                self._schedule(lane, AGAIN_SECONDS)
        else:
            row = self._row((job.assignment.name, _name(job)), job, 0.0)
            self._shelve(shelf, job.assignment, row._replace(connection=job.turn.connection, still=True))

    def shelves(self, connection: str | None = None) -> list[tuple[Assignment, str]]:
        """Where requests wait for a connection, or for any."""
        return [
            (assignment, name)
            for assignment, shelves in self._shelves.items()
            for name in shelves
            if connection is None or name == connection
        ]

    async def take_down(self, assignment: Assignment, connection: str, most: int) -> list[Job]:
        """What comes next of a shelf, in order, at most so much; it is gone when it is empty."""
        shelf = self._shelves.get(assignment, {}).get(connection)
        if shelf is None:
            return []
        before, after, shelf.landed = shelf.added, shelf.read, math.inf
        with self._reading([assignment]) as readings:
            try:
                rows = await self._stored.next(assignment.name, connection, after, min(most, ROWS_OF_A_SHELF))
            except Exception as error:
                log.critical("shelf.broke", place=assignment.name, connection=connection, exc_info=error)
                metrics.BUGS.labels(ACTIONS.name).inc()
                return []
        lanes = self._lanes.get(assignment)
        if lanes is None or self._shelves[assignment].get(connection) is not shelf or shelf.read != after:
            return []  # given up, or changed meanwhile
        if rows:
            shelf.read = int(min(rows[-1].record.offset, shelf.landed - 1))
        elif shelf.added == before and not shelf.adding:
            del self._shelves[assignment][connection]
        jobs, where, reading = [], self._where[assignment], readings[assignment]
        for row in rows:
            offset = row.record.offset
            if row.lane not in lanes and offset not in where and reading.is_next(row.lane, offset):
                where.load(offset, row.lane)
                jobs.append(self._job(row, assignment))
        return jobs

    async def take_newest(self, connection: str) -> None:
        """Some lanes that came last wait by themselves from now on, and are due: to try the connection with."""
        for assignment, name in self.shelves(connection):
            names = await self._stored.newest(assignment.name, name, NEWEST_LANES)
            lanes, shelf = self._lanes.get(assignment), self._shelves.get(assignment, {}).get(name)
            if lanes is None or shelf is None:
                continue
            where = self._where[assignment]
            for lane in dict.fromkeys(names):  # the newest first
                if lane not in lanes and not where.has_of(lane):
                    lanes[lane] = ParkedLane(lane, assignment)
                    self._schedule(lanes[lane], 0.0)

    async def late(self, wall: float) -> list[Job]:
        """What is past its deadline at a moment, wherever it waits here; that in memory is found there.

        In seconds since 1970. Each is to be ended, out of its turn: no call of it is made.
        """
        places = {assignment.name: assignment for assignment in self._lanes}
        if not any(self._lanes.values()) and not any(self._shelves.values()):
            return []
        with self._reading(self._lanes) as readings:
            rows = await self._stored.late(list(places), wall, LATE_AT_ONCE)
        jobs = []
        for row in rows:
            assignment, offset = places[row.place], row.record.offset
            where = self._where.get(assignment)
            if where is not None and offset not in where and readings[assignment].is_there(row.lane, offset):
                where.load(offset, row.lane)
                jobs.append(self._job(row, assignment))
        return jobs

    async def look(self) -> None:
        """How much of the disk is used. Raises one of database.FAULTS."""
        self._bytes = await self._stored.bytes()

    def spill(self, job: Job) -> None:
        """Put a request, of a lane that has none in memory, at the end of all that is due."""
        lane = self._lane(job)
        self._start(job.plan.record, job.assignment, self._append(lane, [job]))
        self._schedule(lane, 0.0)

    async def park(self, job: Job, behind: Sequence[Job], wait_seconds: float) -> None:
        """Keep a request and those that stand behind it until it is due. Then they are finished here."""
        lane = self._lane(job)
        new = [other for other in behind if not other.parked]
        for other in (job, *behind):
            self._where[job.assignment].put_back(other.offset)
        self._schedule(lane, wait_seconds)
        await self._append(lane, [job, *new], wait_seconds)
        place = job.assignment.name
        log.info("lane.parked", place=place, lane=lane.name, behind=len(new), seconds=round(wait_seconds, 1))

    async def finished(self, job: Job) -> None:
        """A request that was parked came to its end."""
        assignment, name = job.assignment, job.parked or ""
        await self._stored.remove(assignment.name, name, job.offset)
        self._count(assignment, -1)
        where, lane = self._where.get(assignment), self._lanes.get(assignment, {}).get(name)
        if where is not None:
            where.ended(job.offset)
            if lane is not None and lane.timer is None and not where.has_of(name):
                self._schedule(lane, 0.0)

    async def load(self) -> list[Job]:
        """The first requests of some lanes that are due, in order."""
        # One that is loaded or due later was put here twice.
        chosen = [self._due.popleft() for _ in range(min(LANES_AT_ONCE, len(self._due)))]
        lanes = {lane.key: lane for lane in chosen if self._here(lane) and not self._has(lane) and lane.timer is None}
        with self._reading(lane.assignment for lane in lanes.values()) as readings:
            loaded = await apart(list(lanes), lambda keys: self._stored.load(keys, ROWS_A_LANE), self._unloadable)
        jobs: list[Job] = []
        for lane, rows in zip(lanes.values(), loaded, strict=True):
            if not self._here(lane):
                continue  # its partition was given up meanwhile
            if self._has(lane):
                continue  # what was late was taken out meanwhile: when that has ended the lane is due again
            if rows is None:
                self._schedule(lane, UNLOADABLE_SECONDS)
                continue
            where, reading = self._where[lane.assignment], readings[lane.assignment]
            sure = [row for row in rows if reading.is_next(lane.name, row.record.offset)]
            for row in sure:
                where.load(row.record.offset, lane.name)
                jobs.append(self._job(row, lane.assignment))
            if not rows and reading.still(lane.name):
                self._forget(lane)
                del self._lanes[lane.assignment][lane.name]
            elif not sure:
                self._schedule(lane, UNWRITTEN_SECONDS)
        return jobs

    def show(self) -> None:
        """As metrics."""
        actions_metrics.PARKED.set(self.rows)
        actions_metrics.PARKED_PART.set(self.part)

    async def close(self) -> None:
        """Stop at once."""
        for assignment in list(self._lanes):
            self.leave(assignment)
        tasks = self._tasks | self._counts
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stored.close()

    def _job(self, row: Parked, assignment: Assignment) -> Job:
        now = self._world.now()
        state = Waiting(row.attempts, now - row.age_seconds, still=now if row.still else None)
        return Job(self._plan(row.record), assignment, state=state, parked=row.lane)

    def _lane(self, job: Job) -> ParkedLane:
        lanes, name = self._lanes[job.assignment], _name(job)
        if name not in lanes:
            lanes[name] = ParkedLane(name, job.assignment)
        return lanes[name]

    def _append(self, lane: ParkedLane, jobs: Sequence[Job], wait_seconds: float = 0.0) -> Coroutine[Any, Any, None]:
        """To be awaited: from now on they are on their way."""
        where = self._where[lane.assignment]
        rows = [self._row(lane.key, job, wait_seconds) for job in jobs]
        for job in jobs:
            where.goes(lane.name, job.offset)
        return self._add(jobs, rows, where)

    async def _add(self, jobs: Sequence[Job], rows: Sequence[Parked], where: Whereabouts) -> None:
        try:
            adding = (self._stored.add(row, lambda: not where.over) for row in rows)
            came = await asyncio.gather(*adding, return_exceptions=True)
        finally:
            for row in rows:
                where.went(row.lane, row.record.offset)
        for job, fault in zip(jobs, came, strict=True):
            if fault is not None:
                if not isinstance(fault, Exception):
                    raise fault
                self._refuse(job.plan.record, job.assignment, fault, job.parked)
            elif not job.parked:
                self._count(job.assignment, 1)
                job.finish()

    def _shelf(self, assignment: Assignment, connection: str, offset: int) -> Shelf:
        """Where a record of this offset goes."""
        shelf = self._shelves.setdefault(assignment, {}).setdefault(connection, Shelf())
        shelf.read = min(shelf.read, offset - 1)
        self._where[assignment].put_back(offset)
        return shelf

    def _shelve(self, shelf: Shelf, assignment: Assignment, row: Parked) -> None:
        shelf.adding += 1
        shelf.added += 1
        where = self._where[assignment]
        where.goes(row.lane, row.record.offset)
        self._start(row.record, assignment, self._copy(shelf, assignment, row, where))

    async def _copy(self, shelf: Shelf, assignment: Assignment, row: Parked, where: Whereabouts) -> None:
        offset = row.record.offset
        try:
            await self._stored.copy(row, lambda: not where.over)
        finally:
            shelf.adding -= 1
            where.went(row.lane, offset)
        shelf.read = min(shelf.read, offset - 1)  # others, of later records, can have been read before it was there
        shelf.landed = min(shelf.landed, offset)
        self._count(assignment, 1)
        assignment.offsets.finish(offset)

    def _row(self, key: tuple[str, str], job: Job, wait_seconds: float) -> Parked:
        state = job.state
        still = state.still if isinstance(state, Waiting) else None
        age = (self._world.now() if still is None else still) - state.began if state.attempts else 0.0
        request = job.plan.request
        deadline = None if request is None or request.deadline is None else request.deadline.timestamp()
        still_now = still is not None
        return Parked(*key, job.plan.record, state.attempts, age, wait_seconds, still=still_now, deadline=deadline)

    def _refuse(
        self, record: ConsumedRecord, assignment: Assignment, fault: Exception, parked: str | None = None
    ) -> None:
        """PostgreSQL cannot hold this one."""
        self.refused.append(Job(broken(record, fault), assignment, parked=parked))
        self._news.set()

    def _start(self, record: ConsumedRecord, assignment: Assignment, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - told as a bug
                self._refuse(record, assignment, error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _schedule(self, lane: ParkedLane, wait_seconds: float) -> None:
        if lane.timer is not None:
            lane.timer.cancel()

        def due() -> None:
            lane.timer = None
            self._due.append(lane)
            self._news.set()

        lane.timer = asyncio.get_running_loop().call_later(max(0.0, wait_seconds), due)

    def _forget(self, lane: ParkedLane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None

    async def _count_all(self, assignment: Assignment) -> None:
        """What was there when the partition came, too. One at a time, beside what others wait for."""
        async with self._counting:
            if (before := self._rows.get(assignment)) is None:
                return
            try:
                found = await self._stored.count(assignment.name)
            except Exception as error:  # counted too low until it is assigned again: what is on disk is a bound as well
                log.critical("count.broke", place=assignment.name, exc_info=error)
                metrics.BUGS.labels(ACTIONS.name).inc()
            else:
                self._count(assignment, found - before)

    def _count(self, assignment: Assignment, more: int) -> None:
        if assignment in self._rows:
            self._rows[assignment] += more

    async def _unloadable(self, key: tuple[str, str], error: Exception) -> None:
        """A lane whose rows cannot be read waits, and is told of again and again: no other does."""
        log.critical("lane.broke", place=key[0], lane=key[1], exc_info=error)
        metrics.BUGS.labels(ACTIONS.name).inc()

    def _here(self, lane: ParkedLane) -> bool:
        return self._lanes.get(lane.assignment, {}).get(lane.name) is lane

    def _has(self, lane: ParkedLane) -> bool:
        """Whether rows of it are in memory. The others come when those have ended."""
        return self._where[lane.assignment].has_of(lane.name)

    @contextmanager
    def _reading(self, assignments: Iterable[Assignment]) -> Iterator[dict[Assignment, Reading]]:
        """While rows of these are read."""
        with ExitStack() as stack:
            yield {one: stack.enter_context(self._where[one].reading()) for one in dict.fromkeys(assignments)}


def _name(job: Job) -> str:
    return _named(job.lane)


def _named(lane: Hashable) -> str:
    return stable_id(*map(str, lane)) if isinstance(lane, tuple) else stable_id(str(lane))
