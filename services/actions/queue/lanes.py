"""Lanes: in one lane strictly one job after the other, between lanes concurrently, with a bound.

A job that has to wait before its next attempt keeps its lane and gives back its place among those at work: so a failing
contact holds up nobody but its own later calls.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from services.actions.queue.turns import Doubted, FlowGuard, Turn, Turns
from services.actions.world import REAL

J = TypeVar("J")
# At work at once may be, of one flow at one connection, so many times what is free, and of one connection: so neither
# ever has all places, nor do several together, however long their calls take. Alone: two thirds, four fifths.
# A. Choudhury, E. Hahne: Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998.
FLOW_CROWD, CONNECTION_CROWD = 2, 4


class Gate(Protocol):
    """Says for each connection whether a call may begin."""

    def take(self, connection: str) -> float:
        """0: it begins now. Else the seconds until to ask again."""
        ...

    def release(self, connection: str) -> None:
        """It ended."""
        ...

    def doubts(self, connection: str) -> Doubted | None:
        """Which lanes should not be the one that begins, if there are others; None: any may."""
        ...


class Lanes(Generic[J]):
    """`work(job)` makes one attempt: None when the job is finished, else the seconds until the next attempt.

    `work` must not raise. An exception of it is a bug and is handed to `on_bug`; the job then stays unfinished for
    ever, and its lane with it.
    """

    def __init__(
        self,
        work: Callable[[J], Awaitable[float | None]],
        concurrency: int,
        on_bug: Callable[[J, BaseException], object],
        *,
        turn: Callable[[J], Turn] = lambda _: Turn("", ""),
        gate: Gate | None = None,
        guard: FlowGuard | None = None,
        clock: Callable[[], float] = REAL.now,
        rests: Callable[[J], float] = lambda _: 0.0,
        begins: Callable[[J], object] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._rests = rests
        self._begins = begins
        self._work = work
        self._concurrency = concurrency
        self._on_bug = on_bug
        self._lanes: dict[Hashable, deque[J]] = {}
        self._turn = turn
        self._gate = gate
        may, doubts = (lambda _: 0.0, lambda _: None) if gate is None else (gate.take, gate.doubts)
        self._ready = Turns(
            may, guard, doubts, self._crowded, rests=lambda lane: rests(self._lanes[lane][0]), rested=self._sleep
        )
        self._busy: Counter[str] = Counter()
        self._busy_flows: Counter[tuple[str, str]] = Counter()
        self._kicking: asyncio.Handle | None = None
        self._kick_at = 0.0
        self._flows: Counter[str] = Counter()
        self._awake: Counter[str] = Counter()
        self._connections: Counter[str] = Counter()
        self._asleep: dict[Hashable, asyncio.TimerHandle] = {}
        self._working: dict[Hashable, float] = {}
        self._workers: set[asyncio.Task[None]] = set()
        # Not the size of the set above: a task that has ended leaves it one turn of the loop later.
        self._active = 0
        self._closed = False
        self._pending = 0

    @property
    def pending(self) -> int:
        """Jobs that are not finished."""
        return self._pending

    @property
    def open(self) -> int:
        """Lanes with jobs."""
        return len(self._lanes)

    def oldest_work_seconds(self) -> float:
        """How long the longest attempt of now is at work; 0 when none is."""
        return self._clock() - min(self._working.values()) if self._working else 0.0

    @property
    def stuck(self) -> bool:
        """Whether jobs are ready and nobody works: never true, unless there is a bug here."""
        return bool(self._ready) and not self._active and self._kicking is None

    def waiting(self, connection: str, doubted: Doubted) -> bool | None:
        """Whether a lane waits there for the connection only that is not doubted; None: no lane does."""
        return self._ready.waiting(connection, doubted)

    def pending_of(self, flow: str) -> int:
        """Jobs of one flow that are not finished."""
        return self._flows[flow]

    def awake_of(self, flow: str) -> int:
        """Those of them in lanes that do not wait for another attempt of their first."""
        return self._awake[flow]

    def kick(self) -> None:
        """Look whether more may begin."""
        if self._kicking is not None:
            self._kicking.cancel()
            self._kicking = None
        if self._closed:
            return
        while self._active < min(self._concurrency, len(self._ready) + self._active):
            if not self._begin():
                break

    def put(self, lane: Hashable, job: J) -> None:
        """Add a job at the end of its lane."""
        self._pending += 1
        self._count(self._flows, (job,), 1)
        self._connections[self._turn(job).connection] += 1
        if lane not in self._asleep:
            self._count(self._awake, (job,), 1)
        queue = self._lanes.get(lane)
        if queue is not None:
            queue.append(job)
            return
        self._lanes[lane] = deque((job,))
        self._wake(lane)

    def cut(self, lane: Hashable) -> list[J]:
        """Take out all behind the first of a lane."""
        queue = self._lanes[lane]
        behind = list(queue)[1:]
        self._lanes[lane] = deque((queue[0],))
        self._less(lane, behind)
        return behind

    def pending_at(self, connection: str) -> int:
        """Jobs of one connection that are not finished."""
        return self._connections[connection]

    def shed(
        self,
        connection: str,
        may_stay: Callable[[J], bool],
        keep: int,
        *,
        stays: Callable[[J], bool] = lambda _: False,
    ) -> list[J]:
        """Take out the lanes of a connection that are not at work, but so many of those whose jobs may all stay.

        All jobs of each, in order. One whose first `stays` is as one at work.
        """
        shed: list[J] = []
        for lane, queue in list(self._lanes.items()):
            if self._turn(queue[0]).connection != connection or lane in self._working or stays(queue[0]):
                continue
            if keep > 0 and all(map(may_stay, queue)):
                keep -= 1
            else:
                del self._lanes[lane]
                self._less(lane, queue)
                if (timer := self._asleep.pop(lane, None)) is not None:
                    timer.cancel()
                shed += queue
        self._ready.keep(self._lanes.keys())
        return shed

    def holds(self, lane: Hashable) -> bool:
        """Whether it has jobs."""
        return lane in self._lanes

    def newest(self, lane: Hashable) -> J | None:
        """The last of its jobs; None: it has none."""
        return self._lanes[lane][-1] if lane in self._lanes else None

    def some(self, wanted: Callable[[J], bool]) -> bool:
        """Whether one of the jobs is such a one."""
        return any(wanted(job) for queue in self._lanes.values() for job in queue)

    def drop(self, unwanted: Callable[[J], bool]) -> list[J]:
        """Take out the jobs that are not at work now and that are unwanted.

        One that is at work is finished, but makes no further attempt if `work` says so.
        """
        dropped: list[J] = []
        for lane in list(self._lanes):
            queue = self._lanes[lane]
            head = [queue.popleft()] if lane in self._working else []
            kept: list[J] = []
            gone: list[J] = []
            for job in queue:
                (gone if unwanted(job) else kept).append(job)
            self._less(lane, gone)
            dropped += gone
            self._lanes[lane] = deque(head + kept)
            if not self._lanes[lane]:
                del self._lanes[lane]
                if (timer := self._asleep.pop(lane, None)) is not None:
                    timer.cancel()
        self._ready.keep(self._lanes.keys())
        return dropped

    async def settled(self, jobs: Callable[[J], bool], seconds: float) -> bool:
        """Wait until none of these jobs is at work. False when time is over first."""
        until = self._clock() + seconds
        while any(jobs(self._lanes[lane][0]) for lane in self._working):
            left = until - self._clock()
            if left <= 0:
                return False
            await asyncio.wait(self._workers, timeout=min(left, 0.02), return_when=asyncio.FIRST_COMPLETED)
        return True

    async def close(self) -> None:
        """Stop at once: what is at work is cancelled, and nothing more is begun."""
        self._closed = True
        for timer in self._asleep.values():
            timer.cancel()
        self._asleep.clear()
        if self._kicking is not None:
            self._kicking.cancel()
        self._ready.keep(())
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _wake(self, lane: Hashable) -> None:
        if self._closed:
            return
        if self._asleep.pop(lane, None) is not None:
            self._count(self._awake, self._lanes[lane], 1)
        self._line_up(lane)
        if self._active < self._concurrency:
            self._begin()

    def _begin(self) -> bool:
        """Begin with one lane more; False: none may begin now."""
        chosen = self._ready.pop()
        if isinstance(chosen, float):
            self._later(chosen)
            return False
        self._active += 1
        turn = self._at_work(chosen[0])
        worker = asyncio.get_running_loop().create_task(self._worker(chosen[0], turn))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return True

    def _later(self, seconds: float) -> None:
        """Look again when a gate may be open, or sooner if somebody said so. Never: when what is at work ends."""
        loop = asyncio.get_running_loop()
        if not self._ready or self._closed or seconds == math.inf:
            return
        at = loop.time() + seconds
        if self._kicking is not None:
            if self._kick_at <= at:
                return
            self._kicking.cancel()
        # uvloop's handle of a call that is due at once has no `when`.
        self._kicking, self._kick_at = loop.call_later(seconds, self.kick), at

    def _crowded(self, connection: str, flow: str) -> bool:
        """Whether so much of these is at work that the free places are for others."""
        free = self._concurrency - len(self._working)
        return (
            self._busy_flows[connection, flow] >= FLOW_CROWD * free or self._busy[connection] >= CONNECTION_CROWD * free
        )

    def _at_work(self, lane: Hashable) -> Turn:
        self._begins(self._lanes[lane][0])
        turn = self._turn(self._lanes[lane][0])
        self._working[lane] = self._clock()
        self._busy[turn.connection] += 1
        self._busy_flows[turn.connection, turn.flow] += 1
        return turn

    def _ended(self, lane: Hashable, turn: Turn) -> None:
        del self._working[lane]
        place = turn.connection, turn.flow
        self._busy[turn.connection] -= 1
        self._busy_flows[place] -= 1
        if not self._busy_flows[place]:
            del self._busy_flows[place]
        if not self._busy[turn.connection]:
            del self._busy[turn.connection]

    async def _worker(self, lane: Hashable, turn: Turn) -> None:
        """Work on a lane, then on others that are ready, until none may begin."""
        try:
            while True:
                await self._work_on(lane, turn)
                chosen = self._ready.pop()
                if isinstance(chosen, float):
                    self._later(chosen)
                    return
                lane = chosen[0]
                turn = self._at_work(lane)
        finally:
            self._active -= 1

    async def _work_on(self, lane: Hashable, turn: Turn) -> None:
        job = self._lanes[lane][0]
        try:
            wait = await self._work(job)
        except Exception as error:  # noqa: BLE001 - told to whoever decides on bugs
            self._on_bug(job, error)
            return
        finally:
            self._ended(lane, turn)
            if self._gate is not None:
                self._gate.release(turn.connection)
        if wait is None:
            self._next(lane)
        elif not self._closed:
            self._sleep(lane, wait)

    def _less(self, lane: Hashable, jobs: Collection[J]) -> None:
        self._pending -= len(jobs)
        self._count(self._flows, jobs, -1)
        for job in jobs:
            self._connections[self._turn(job).connection] -= 1
        if lane not in self._asleep:
            self._count(self._awake, jobs, -1)

    def _count(self, counts: Counter[str], jobs: Iterable[J], change: int) -> None:
        for job in jobs:
            flow = self._turn(job).flow
            counts[flow] += change
            if not counts[flow]:
                del counts[flow]

    def _next(self, lane: Hashable) -> None:
        queue = self._lanes[lane]
        self._less(lane, (queue.popleft(),))
        if not queue:
            del self._lanes[lane]
        elif not self._closed:
            self._line_up(lane)

    def _line_up(self, lane: Hashable) -> None:
        """It is ready, unless its first may not be called yet."""
        first = self._lanes[lane][0]
        if (wait := self._rests(first)) > 0:
            self._sleep(lane, wait)
        else:
            self._ready.push(self._turn(first), lane)

    def _sleep(self, lane: Hashable, seconds: float) -> None:
        self._asleep[lane] = asyncio.get_running_loop().call_later(seconds, self._wake, lane)
        self._count(self._awake, self._lanes[lane], -1)
