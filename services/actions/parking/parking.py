"""Which lanes wait in PostgreSQL, and when they come back.

A lane that waits there takes in all its later requests, so that their order stays. When it is due, its first requests
go into memory again; each is deleted when it is finished. When none is left, the lane is as any other.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from contracts.ids import stable_id
from contracts.topics import ACTIONS
from services.actions import metrics as actions_metrics
from services.actions.delivery.batcher import Batcher
from services.actions.delivery.job import Job, broken
from services.actions.delivery.prefix import Prefix
from services.actions.parking.store import Parked, Store
from services.runtime import database, logging, metrics
from services.runtime.apart import apart
from services.runtime.kafka import ConsumedRecord

log = logging.get("parking")
ROWS_A_LANE = 20
# With the rows above, a sixth of what memory holds.
LANES_AT_ONCE = 40
UNLOADABLE_SECONDS = 60.0


class Lane:
    """One lane that waits in PostgreSQL."""

    def __init__(self, place: str, name: str, prefix: Prefix) -> None:
        self.place = place
        self.name = name
        self.prefix = prefix
        self.timer: asyncio.TimerHandle | None = None
        self.loaded = 0  # its rows that are in memory
        self.adding = 0  # requests on their way into the table
        self.added = 0  # how many ever went there
        self.rows = 0


class Memory(Protocol):
    """The lanes in memory."""

    def put(self, job: Job) -> None:
        """Take in a job that was parked."""
        ...

    def cut(self, job: Job) -> list[Job]:
        """Take out all behind this one, which is at work."""
        ...

    def has_room(self) -> bool:
        """Whether more may be taken in."""
        ...


class Parking:
    """`job(record, prefix)` reads a record. `most`: rows over which `full` says that no more should be consumed."""

    def __init__(
        self,
        store: Store,
        job: Callable[[ConsumedRecord, Prefix], Job],
        *,
        park_seconds: float,
        most: int,
        on_wait: Callable[[], object],
    ) -> None:
        self.park_seconds = park_seconds
        self._store = store
        self._job = job
        self._most = most
        self._on_wait = on_wait
        self._memory: Memory | None = None
        self._places: dict[Prefix, dict[str, Lane]] = {}
        self._rows = 0
        self._due: deque[Lane] = deque()
        self._pumping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._adder: Batcher[Parked, None] = Batcher(self._add)
        self._remover: Batcher[tuple[str, str, int], None] = Batcher(self._remove)

    def serve(self, memory: Memory) -> None:
        """The lanes in memory that these go to and come from."""
        self._memory = memory

    @property
    def full(self) -> bool:
        """Whether the bound on rows is reached."""
        return self._rows >= self._most

    @property
    def entering(self) -> int:
        """Requests that are held in memory until they are in the table."""
        return len(self._tasks)

    @property
    def rows(self) -> int:
        """Requests that wait in PostgreSQL."""
        return self._rows

    async def enter(self, prefix: Prefix, place: str) -> None:
        """A partition was assigned: find the lanes that wait. Until then nothing of it may be worked on."""
        heads = await database.patiently("parked.heads", lambda: self._store.heads(place), self._on_wait)
        lanes = self._places[prefix] = {}
        for head in heads:
            lane = lanes[head.lane] = Lane(place, head.lane, prefix)
            self._count(lane, head.rows)
            self._schedule(lane, head.wait_seconds)

    def leave(self, prefix: Prefix) -> None:
        """It was given up; who gets it finds its rows."""
        for lane in self._places.pop(prefix, {}).values():
            self._forget(lane)  # what is at work for it counts no more

    def takes(self, job: Job) -> bool:
        """Whether this request must wait behind its lane's others. Then it is written there, and finished here."""
        lanes = self._places.get(job.prefix)
        if not lanes or (lane := lanes.get(_name(job))) is None:
            return False
        self._start(self._append(lane, [job]))
        return True

    def spill(self, job: Job) -> None:
        """Put a request, of a lane that has none in memory, at the end of all that is due."""
        lane = self._lane(job)
        self._start(self._append(lane, [job]))
        self._schedule(lane, 0.0)

    async def park(self, job: Job, wait_seconds: float) -> None:
        """Keep a request and all that stands behind it until it is due. Then they are finished here."""
        assert self._memory is not None  # noqa: S101 - set when the consumer is made
        lane = self._lane(job)
        behind = [other for other in self._memory.cut(job) if not other.parked]
        lane.loaded = 0
        self._schedule(lane, wait_seconds)
        await self._append(lane, [job, *behind], wait_seconds)
        log.info("lane.parked", place=lane.place, lane=lane.name, behind=len(behind), seconds=round(wait_seconds, 1))

    async def finished(self, job: Job) -> None:
        """A request that was parked came to its end."""
        lane = self._places.get(job.prefix, {}).get(job.parked or "")
        if lane is None:
            return
        await self._remover.ask((lane.place, lane.name, job.record.offset))
        self._count(lane, -1)
        lane.loaded -= 1
        if lane.loaded <= 0 and lane.timer is None:
            self._schedule(lane, 0.0)

    def pump(self) -> None:
        """Load what is due, if there is room. To be called now and then."""
        actions_metrics.PARKED.set(self._rows)
        if self._due and self._pumping is None and self._memory is not None and self._memory.has_room():
            self._pumping = asyncio.create_task(self._load())

    async def close(self) -> None:
        """Stop at once."""
        for prefix in list(self._places):
            self.leave(prefix)
        tasks = [*self._tasks, *([self._pumping] if self._pumping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._adder.close()
        await self._remover.close()

    def _lane(self, job: Job) -> Lane:
        lanes, name = self._places[job.prefix], _name(job)
        if name not in lanes:
            record = job.record
            lanes[name] = Lane(f"{record.name}/{record.partition}", name, job.prefix)
        return lanes[name]

    async def _append(self, lane: Lane, jobs: Sequence[Job], wait_seconds: float = 0.0) -> None:
        lane.adding += 1
        lane.added += 1
        now = time.monotonic()
        rows = [Parked(lane.place, lane.name, job.record, job.attempts, now - job.began, wait_seconds) for job in jobs]
        try:
            came = await asyncio.gather(*(self._adder.ask(row) for row in rows), return_exceptions=True)
        finally:
            lane.adding -= 1
        kept = []
        for job, fault in zip(jobs, came, strict=True):
            if fault is None:
                kept.append(job)
            elif not isinstance(fault, Exception):
                raise fault
            elif self._memory is not None:
                # PostgreSQL cannot hold this one.
                self._memory.put(broken(job.record, job.prefix, fault, parked=job.parked))
        self._count(lane, sum(not job.parked for job in kept))
        for job in kept:
            if not job.parked:
                job.prefix.finish(job.record.offset)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _schedule(self, lane: Lane, wait_seconds: float) -> None:
        if lane.timer is not None:
            lane.timer.cancel()

        def due() -> None:
            lane.timer = None
            self._due.append(lane)
            self.pump()

        lane.timer = asyncio.get_running_loop().call_later(max(0.0, wait_seconds), due)

    def _forget(self, lane: Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        self._rows -= lane.rows
        lane.rows = 0

    def _count(self, lane: Lane, more: int) -> None:
        if self._here(lane):
            lane.rows += more
            self._rows += more

    async def _load(self) -> None:
        memory = self._memory
        assert memory is not None  # noqa: S101 - `pump` looked
        try:
            while self._due and memory.has_room():
                # One that is loaded or due later was put here twice.
                chosen = [self._due.popleft() for _ in range(min(LANES_AT_ONCE, len(self._due)))]
                lanes = {
                    (lane.place, lane.name): lane
                    for lane in chosen
                    if self._here(lane) and lane.loaded <= 0 and lane.timer is None
                }
                if lanes:
                    await self._load_lanes(lanes, memory)
        finally:
            self._pumping = None

    async def _load_lanes(self, lanes: dict[tuple[str, str], Lane], memory: Memory) -> None:
        before = {key: (lane.added, lane.adding) for key, lane in lanes.items()}
        loaded = await apart(list(lanes), self._rows_of, self._unloadable)
        found = dict(zip(lanes, loaded, strict=True))
        for key, lane in lanes.items():
            if not self._here(lane):
                continue  # its partition was given up meanwhile
            if found[key] is None:
                self._schedule(lane, UNLOADABLE_SECONDS)
            elif not found[key]:
                if before[key] == (lane.added, 0):
                    self._forget(lane)
                    del self._places[lane.prefix][lane.name]
                else:
                    self._schedule(lane, 0.05)  # some are on their way into the table
                continue
            for row in found[key] or ():
                job = self._job(row.record, lane.prefix)
                job.parked, job.attempts = lane.name, row.attempts
                job.began = time.monotonic() - row.age_seconds
                lane.loaded += 1
                memory.put(job)

    async def _rows_of(self, keys: Sequence[tuple[str, str]]) -> list[list[Parked] | None]:
        rows = await database.patiently("parked.load", lambda: self._store.load(keys, ROWS_A_LANE), self._on_wait)
        found: dict[tuple[str, str], list[Parked]] = {}
        for row in rows:
            found.setdefault((row.place, row.lane), []).append(row)
        return [found.get(key, []) for key in keys]

    async def _unloadable(self, key: tuple[str, str], error: Exception) -> None:
        """A lane whose rows cannot be read waits, and is told of again and again: no other does."""
        log.critical("lane.broke", place=key[0], lane=key[1], exc_info=error)
        metrics.BUGS.labels(ACTIONS.name).inc()

    def _here(self, lane: Lane) -> bool:
        return self._places.get(lane.prefix, {}).get(lane.name) is lane

    async def _add(self, rows: list[Parked]) -> Sequence[None]:
        # A record can come twice: taken anew from Kafka, and loaded from here. One that was tried has the word.
        once = {(row.place, row.lane, row.record.offset): row for row in sorted(rows, key=lambda row: row.attempts)}
        await database.patiently("parked.add", lambda: self._store.add(list(once.values())), self._on_wait)
        return [None] * len(rows)

    async def _remove(self, rows: list[tuple[str, str, int]]) -> Sequence[None]:
        await database.patiently("parked.remove", lambda: self._store.remove(rows), self._on_wait)
        return [None] * len(rows)


def _name(job: Job) -> str:
    lane = job.lane
    return stable_id(*(str(part) for part in lane)) if isinstance(lane, tuple) else stable_id(str(lane))
