"""Lanes: in one lane strictly one job after the other, between lanes concurrently, with a bound.

A job that has to wait before its next attempt keeps its lane and gives back its place among those at work: so a failing
contact holds up nobody but its own later calls.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

J = TypeVar("J")


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
    ) -> None:
        self._work = work
        self._concurrency = concurrency
        self._on_bug = on_bug
        self._lanes: dict[Hashable, deque[J]] = {}
        self._ready: deque[Hashable] = deque()
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
        return time.monotonic() - min(self._working.values()) if self._working else 0.0

    @property
    def stuck(self) -> bool:
        """Whether jobs are ready and nobody works: never true, unless there is a bug here."""
        return bool(self._ready) and not self._active

    def put(self, lane: Hashable, job: J) -> None:
        """Add a job at the end of its lane."""
        self._pending += 1
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
        self._pending -= len(behind)
        return behind

    def holds(self, lane: Hashable) -> bool:
        """Whether it has jobs."""
        return lane in self._lanes

    def drop(self, unwanted: Callable[[J], bool]) -> int:
        """Forget the jobs that are not at work now and that are unwanted; how many they were.

        One that is at work is finished, but makes no further attempt if `work` says so.
        """
        dropped = 0
        for lane in list(self._lanes):
            queue = self._lanes[lane]
            head = [queue.popleft()] if lane in self._working else []
            kept = [job for job in queue if not unwanted(job)]
            dropped += len(queue) - len(kept)
            self._lanes[lane] = deque(head + kept)
            if not self._lanes[lane]:
                del self._lanes[lane]
                if (timer := self._asleep.pop(lane, None)) is not None:
                    timer.cancel()
        # In place: the workers hold it.
        ready = [lane for lane in self._ready if lane in self._lanes]
        self._ready.clear()
        self._ready.extend(ready)
        self._pending -= dropped
        return dropped

    async def settled(self, jobs: Callable[[J], bool], seconds: float) -> bool:
        """Wait until none of these jobs is at work. False when time is over first."""
        until = time.monotonic() + seconds
        while any(jobs(self._lanes[lane][0]) for lane in self._working):
            left = until - time.monotonic()
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
        self._ready.clear()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _wake(self, lane: Hashable) -> None:
        self._asleep.pop(lane, None)
        if self._closed:
            return
        self._ready.append(lane)
        if self._active < self._concurrency:
            self._active += 1
            worker = asyncio.get_running_loop().create_task(self._worker())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _worker(self) -> None:
        """Take lanes that are ready until there are none."""
        try:
            await self._work_off()
        finally:
            self._active -= 1

    async def _work_off(self) -> None:
        ready = self._ready
        while ready:
            lane = ready.popleft()
            job = self._lanes[lane][0]
            self._working[lane] = time.monotonic()
            try:
                wait = await self._work(job)
            except Exception as error:  # noqa: BLE001 - told to whoever decides on bugs
                self._on_bug(job, error)
                continue
            finally:
                del self._working[lane]
            if wait is None:
                self._next(lane)
            elif not self._closed:
                self._asleep[lane] = asyncio.get_running_loop().call_later(wait, self._wake, lane)

    def _next(self, lane: Hashable) -> None:
        self._pending -= 1
        queue = self._lanes[lane]
        queue.popleft()
        if not queue:
            del self._lanes[lane]
        elif not self._closed:
            self._ready.append(lane)
