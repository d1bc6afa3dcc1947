"""Which lanes wait in PostgreSQL, and when they come back.

A lane that waits there takes in all its later requests, so that their order stays. When it is due, its first requests
go into memory again; each is deleted when it is finished. When none is left, the lane is as any other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from contracts.ids import stable_id
from contracts.topics import ACTIONS
from services.actions import metrics as actions_metrics
from services.actions.attempt.plan import Plan, broken
from services.actions.attempt.states import Waiting
from services.actions.batcher import Batcher
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.queue.parked_table import Parked, ParkedTable
from services.actions.world import REAL, World
from services.runtime import database, logging, metrics
from services.runtime.apart import apart
from services.runtime.kafka import ConsumedRecord

log = logging.get("parking")
ROWS_A_LANE = 20
# With the rows above, a sixth of what memory holds.
LANES_AT_ONCE = 40
UNLOADABLE_SECONDS = 60.0
# Some of a lane's requests are on their way into the table.
UNWRITTEN_SECONDS = 0.05


class ParkedLane:
    """One lane that waits in PostgreSQL."""

    __slots__ = ("added", "adding", "assignment", "loaded", "name", "rows", "timer")

    def __init__(self, name: str, assignment: Assignment) -> None:
        self.name = name
        self.assignment = assignment
        self.timer: asyncio.TimerHandle | None = None
        self.loaded = 0  # its rows that are in memory
        self.adding = 0  # requests on their way into the table
        self.added = 0  # how many ever went there
        self.rows = 0

    @property
    def key(self) -> tuple[str, str]:
        """As the table knows it."""
        return self.assignment.name, self.name


class Parking:
    """`plan` reads a record. `most`: rows over which `full` says that no more should be consumed.

    `news` is set when a lane is due, and when PostgreSQL could not hold a request: that is in `refused` then, to be put
    into memory instead. `on_wait` is called while PostgreSQL is away.
    """

    def __init__(
        self,
        table: ParkedTable,
        plan: Callable[[ConsumedRecord], Plan],
        *,
        park_seconds: float,
        most: int,
        news: asyncio.Event,
        on_wait: Callable[[], object],
        world: World = REAL,
    ) -> None:
        self.park_seconds = park_seconds
        self.refused: list[Job] = []
        self._table = table
        self._plan = plan
        self._most = most
        self._news = news
        self._on_wait = on_wait
        self._world = world
        self._lanes: dict[Assignment, dict[str, ParkedLane]] = {}
        self._rows = 0
        self._due: deque[ParkedLane] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._adder: Batcher[Parked, None] = Batcher(self._add)
        self._remover: Batcher[tuple[str, str, int], None] = Batcher(self._remove)

    @property
    def full(self) -> bool:
        """Whether the bound on rows is reached."""
        return self._rows >= self._most

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
        """Requests that wait in PostgreSQL."""
        return self._rows

    async def enter(self, assignment: Assignment) -> None:
        """A partition was assigned: find the lanes that wait. Until then nothing of it may be worked on."""
        heads = await database.patiently("parked.heads", lambda: self._table.heads(assignment.name), self._on_wait)
        lanes = self._lanes[assignment] = {}
        for head in heads:
            lane = lanes[head.lane] = ParkedLane(head.lane, assignment)
            self._count(lane, head.rows)
            self._schedule(lane, head.wait_seconds)

    def leave(self, assignment: Assignment) -> None:
        """It was given up; who gets it finds its rows."""
        for lane in self._lanes.pop(assignment, {}).values():
            self._forget(lane)  # what is at work for it counts no more

    def takes(self, job: Job) -> bool:
        """Whether this request must wait behind its lane's others. Then it is written there, and finished here."""
        lanes = self._lanes.get(job.assignment)
        if not lanes or (lane := lanes.get(_name(job))) is None:
            return False
        self._start(lane, job)
        return True

    def spill(self, job: Job) -> None:
        """Put a request, of a lane that has none in memory, at the end of all that is due."""
        lane = self._lane(job)
        self._start(lane, job)
        self._schedule(lane, 0.0)

    async def park(self, job: Job, behind: Sequence[Job], wait_seconds: float) -> None:
        """Keep a request and those that stand behind it until it is due. Then they are finished here."""
        lane = self._lane(job)
        new = [other for other in behind if not other.parked]
        lane.loaded = 0
        self._schedule(lane, wait_seconds)
        await self._append(lane, [job, *new], wait_seconds)
        place = job.assignment.name
        log.info("lane.parked", place=place, lane=lane.name, behind=len(new), seconds=round(wait_seconds, 1))

    async def finished(self, job: Job) -> None:
        """A request that was parked came to its end."""
        lane = self._lanes.get(job.assignment, {}).get(job.parked or "")
        if lane is None:
            return
        await self._remover.ask((*lane.key, job.offset))
        self._count(lane, -1)
        lane.loaded -= 1
        if lane.loaded <= 0 and lane.timer is None:
            self._schedule(lane, 0.0)

    async def load(self) -> list[Job]:
        """The first requests of some lanes that are due, in order."""
        # One that is loaded or due later was put here twice.
        chosen = [self._due.popleft() for _ in range(min(LANES_AT_ONCE, len(self._due)))]
        lanes = {lane.key: lane for lane in chosen if self._here(lane) and lane.loaded <= 0 and lane.timer is None}
        before = {key: (lane.added, lane.adding) for key, lane in lanes.items()}
        loaded = await apart(list(lanes), self._rows_of, self._unloadable)
        jobs: list[Job] = []
        for (key, lane), rows in zip(lanes.items(), loaded, strict=True):
            if not self._here(lane):
                continue  # its partition was given up meanwhile
            if rows is None:
                self._schedule(lane, UNLOADABLE_SECONDS)
            elif rows:
                jobs += [self._loaded(row, lane) for row in rows]
            elif before[key] == (lane.added, 0):
                self._forget(lane)
                del self._lanes[lane.assignment][lane.name]
            else:
                self._schedule(lane, UNWRITTEN_SECONDS)
        return jobs

    def show(self) -> None:
        """As a metric."""
        actions_metrics.PARKED.set(self._rows)

    async def close(self) -> None:
        """Stop at once."""
        for assignment in list(self._lanes):
            self.leave(assignment)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._adder.close()
        await self._remover.close()

    def _loaded(self, row: Parked, lane: ParkedLane) -> Job:
        lane.loaded += 1
        now = self._world.now()
        state = Waiting(row.attempts, now - row.age_seconds, still=now if row.still else None)
        return Job(self._plan(row.record), lane.assignment, state=state, parked=lane.name)

    def _lane(self, job: Job) -> ParkedLane:
        lanes, name = self._lanes[job.assignment], _name(job)
        if name not in lanes:
            lanes[name] = ParkedLane(name, job.assignment)
        return lanes[name]

    async def _append(self, lane: ParkedLane, jobs: Sequence[Job], wait_seconds: float = 0.0) -> None:
        lane.adding += 1
        lane.added += 1
        rows = [self._row(lane, job, wait_seconds) for job in jobs]
        try:
            came = await asyncio.gather(*(self._adder.ask(row) for row in rows), return_exceptions=True)
        finally:
            lane.adding -= 1
        for job, fault in zip(jobs, came, strict=True):
            if fault is not None:
                if not isinstance(fault, Exception):
                    raise fault
                self._refuse(job, fault)
            elif not job.parked:
                self._count(lane, 1)
                job.finish()

    def _row(self, lane: ParkedLane, job: Job, wait_seconds: float) -> Parked:
        state = job.state
        still = state.still if isinstance(state, Waiting) else None
        age = (self._world.now() if still is None else still) - state.began if state.attempts else 0.0
        return Parked(*lane.key, job.plan.record, state.attempts, age, wait_seconds, still=still is not None)

    def _refuse(self, job: Job, fault: Exception) -> None:
        """PostgreSQL cannot hold this one."""
        self.refused.append(Job(broken(job.plan.record, fault), job.assignment, parked=job.parked))
        self._news.set()

    def _start(self, lane: ParkedLane, job: Job) -> None:
        async def append() -> None:
            try:
                await self._append(lane, [job])
            except Exception as error:  # noqa: BLE001 - told as a bug
                self._refuse(job, error)

        task = asyncio.create_task(append())
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
        self._rows -= lane.rows
        lane.rows = 0

    def _count(self, lane: ParkedLane, more: int) -> None:
        if self._here(lane):
            lane.rows += more
            self._rows += more

    async def _rows_of(self, keys: Sequence[tuple[str, str]]) -> list[list[Parked] | None]:
        rows = await database.patiently("parked.load", lambda: self._table.load(keys, ROWS_A_LANE), self._on_wait)
        found: dict[tuple[str, str], list[Parked]] = {}
        for row in rows:
            found.setdefault((row.place, row.lane), []).append(row)
        return [found.get(key, []) for key in keys]

    async def _unloadable(self, key: tuple[str, str], error: Exception) -> None:
        """A lane whose rows cannot be read waits, and is told of again and again: no other does."""
        log.critical("lane.broke", place=key[0], lane=key[1], exc_info=error)
        metrics.BUGS.labels(ACTIONS.name).inc()

    def _here(self, lane: ParkedLane) -> bool:
        return self._lanes.get(lane.assignment, {}).get(lane.name) is lane

    async def _add(self, rows: list[Parked]) -> Sequence[None]:
        # A record can come twice: taken anew from Kafka, and loaded from here. One that was tried has the word.
        once = {(row.place, row.lane, row.record.offset): row for row in sorted(rows, key=lambda row: row.attempts)}
        await database.patiently("parked.add", lambda: self._table.add(list(once.values())), self._on_wait)
        return [None] * len(rows)

    async def _remove(self, rows: list[tuple[str, str, int]]) -> Sequence[None]:
        await database.patiently("parked.remove", lambda: self._table.remove(rows), self._on_wait)
        return [None] * len(rows)


def _name(job: Job) -> str:
    lane = job.lane
    return stable_id(*(str(part) for part in lane)) if isinstance(lane, tuple) else stable_id(str(lane))
