"""What all connections bear, kept in step with other workers: leases, the number of workers, breakers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping
from typing import Any

from services.actions import metrics
from services.actions.connections.connection import Connection
from services.actions.limits.evidence import Word, word_of
from services.actions.limits.gate import DAY_BLOCK, LATE_SECONDS, MOST_PAUSE_SECONDS, UNKNOWN_WORKERS, Gate
from services.actions.limits.headers import pause_seconds
from services.actions.limits.limits_table import LimitsTable
from services.actions.outcome import Done, Failed
from services.actions.world import REAL, World
from services.runtime import database, logging

log = logging.get("limits")
LOOK_SECONDS = 1.0
OPEN_SECONDS = 5.0
MOST_OPEN_SECONDS = 60.0
PROBE_SECONDS = 30.0
# So long a worker whose lanes all failed last leaves it to the others to try.
PATIENCE_SECONDS = 3.0
NO_LIMIT = Connection("", "")
Waits = Callable[[str, Callable[[Hashable], bool]], bool | None]
"""(connection, failed): whether a lane could begin there that is not `failed`; None: no lane could."""


class Limits:
    """`most`: calls at work at once in this worker. `news` is set when more may begin."""

    def __init__(
        self,
        table: LimitsTable,
        connections: Mapping[str, Connection],
        topic: str,
        *,
        most: int,
        news: asyncio.Event,
        world: World = REAL,
    ) -> None:
        self._table = table
        self._connections = connections
        self._topic = topic
        self._most = most
        self._news = news
        self._world = world
        self._gates: dict[str, Gate] = {}
        self._workers = UNKNOWN_WORKERS
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, connection: str) -> float:
        """0: a call begins now. Else the seconds until to ask again."""
        return self._gate(connection).take()

    def release(self, connection: str) -> None:
        """A call ended."""
        self._gate(connection).release()

    async def punctual(self, connection: str, began: float) -> None:
        """Before a request leaves: if it took long to come so far, its slot has passed, and it waits for another."""
        gate = self._gate(connection)
        while self._world.now() - began > LATE_SECONDS and (wait := gate.turn()) > 0:  # noqa: ASYNC110 - slots are times
            await asyncio.sleep(min(wait, LATE_SECONDS))

    def doubts(self, connection: str) -> Callable[[Hashable], bool] | None:
        """While an open breaker is tried: which lanes should not do it, if there are others."""
        gate = self._gate(connection)
        return gate.failed_last if gate.probing else None

    def shut(self, connection: str) -> bool:
        """Whether nothing is called there but to try it."""
        gate = self._gates.get(connection) if connection else None
        return gate is not None and gate.opened

    def all_shut(self) -> list[str]:
        """Those connections."""
        return [name for name, gate in self._gates.items() if name and gate.opened]

    def failed_last(self, connection: str) -> Callable[[Hashable], bool]:
        """Of a lane: whether its last call there failed."""
        return self._gate(connection).failed_last

    def suspect(self, connection: str, lane: Hashable) -> None:
        """A lane failed before this worker had it."""
        self._gate(connection).suspect(lane)

    def rests(self, connection: str, step: Hashable) -> float:
        """0: a call of this step may begin. Else the seconds until to ask again."""
        gate = self._gates.get(connection) if connection else None
        return 0.0 if gate is None else gate.rests(step)

    def tries(self, connection: str, step: Hashable) -> None:
        """A call of this step begins: of an ill one the next waits."""
        if connection and (gate := self._gates.get(connection)) is not None:
            gate.tries(step)

    def told(self, connection: str, lane: Hashable, step: Hashable, outcome: Done | Failed) -> bool:
        """What came of a lane's request. Whether a failure is the call's own: it uses up one of its attempts.

        Else it is the connection's or the step's, and time stands still for the call.
        """
        if not connection:
            return True  # whole addresses: as many destinations as there are
        gate, word = self._gate(connection), word_of(outcome)
        if gate.probing and word is Word.WELL:
            self._start(self._close(connection))
        retry_after = outcome.retry_after_seconds if isinstance(outcome, Failed) else None
        charged = gate.told(lane, step, word, retry_after)
        return charged and not (isinstance(outcome, Failed) and outcome.away)

    def denied_alone(self, connection: str, lane: Hashable, step: Hashable, since: float) -> bool:
        """Whether what a call was denied (403, 405) others of its step could do since then: then that is final."""
        return not connection or self._gate(connection).denied_alone(lane, step, since)

    def stood(self, connection: str) -> float:
        """For how many seconds in all nothing could be called there."""
        return self._gate(connection).stood if connection else 0.0

    def heard(self, connection: str, headers: Mapping[str, str]) -> None:
        """What the headers of an answer say of limits. Other workers learn of a pause within a second."""
        if not connection or (seconds := pause_seconds(headers)) is None:
            return
        if self._gate(connection).pause(seconds):
            log.info("connection.paused", connection=connection, seconds=round(min(seconds, MOST_PAUSE_SECONDS), 1))
            self._start(self._pause(connection, min(seconds, MOST_PAUSE_SECONDS)))

    async def look(self, waits: Waits) -> None:
        """Be in step with other workers. To be called each LOOK_SECONDS."""
        try:
            await self._look(waits)
        except database.FAULTS as error:
            logging.failed(log, "limits.blind", error)

    async def close(self) -> None:
        """Stop at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gate(self, name: str) -> Gate:
        gate = self._gates.get(name)
        if gate is None:
            limits = self._connections.get(name, NO_LIMIT).limits

            def lease() -> None:
                self._start(self._lease(name))

            def trip(again: bool) -> None:  # noqa: FBT001 - as Gate calls it
                self._start(self._open(name, again=again))

            gate = self._gates[name] = Gate(limits, self._most, lease, trip, self._world.now)
            gate.workers = self._workers
        return gate

    async def _look(self, waits: Waits) -> None:
        if any(connection.limits.concurrency for connection in self._connections.values()):
            self._workers = await self._table.workers(self._topic)
            for gate in self._gates.values():
                gate.workers = self._workers
        named = [name for name in self._gates if name]
        for name, seconds in (await self._table.pauses(named)).items() if named else ():
            self._gates[name].pause(seconds)
        opened = await self._table.breakers(named) if named else {}
        for name, gate in self._gates.items():
            due = opened.get(name)
            probe = bool(due) and await self._may_try(name, gate, waits)
            if gate.opened and due is None:
                log.info("breaker.closed", connection=name)
            if due is None or not gate.opened or probe:
                gate.breaker(opened=due is not None, probe=probe)
            if name:
                metrics.BREAKER_OPEN.labels(name).set(gate.opened)
        self._news.set()

    async def _may_try(self, name: str, gate: Gate, waits: Waits) -> bool:
        better = waits(name, gate.failed_last)
        if better is None:
            return False  # with what? another worker may have a call
        return await self._table.probe(name, PROBE_SECONDS, 0.0 if better else PATIENCE_SECONDS)

    async def _lease(self, name: str) -> None:
        gate, limits = self._gates[name], self._connections[name].limits
        try:
            begins = None
            if limits.requests_per_second:
                rate = limits.requests_per_second
                begins = await self._table.slots(name, gate.block / rate, ((limits.burst or 1) - 1) / rate)
            quota = await self._quota(name, limits.per_day) if limits.per_day else 0
        except database.FAULTS as error:
            logging.failed(log, "lease.failed", error, connection=name)
            gate.failed()
            return
        gate.leased(begins, gate.block, quota)
        self._news.set()

    async def _pause(self, name: str, seconds: float) -> None:
        try:
            await self._table.pause(name, seconds)
        except database.FAULTS as error:  # then the others hear it from the destination themselves
            logging.failed(log, "pause.not_shared", error, connection=name)

    async def _quota(self, name: str, most: int) -> int:
        """A block; near the end of the day's quota, single calls."""
        for calls in (min(DAY_BLOCK, max(1, most // 100)), 1):
            if leased := await self._table.quota(name, calls, most):
                return leased
        log.warning("quota.spent", connection=name, per_day=most)
        return 0

    async def _open(self, name: str, *, again: bool) -> None:
        cause = "calls of most lanes were refused, denied, told to come later, cut off, too slow or answered with 5xx"

        async def open_it() -> float | None:
            return await self._table.open(name, OPEN_SECONDS, MOST_OPEN_SECONDS, cause, again=again)

        seconds = await database.patiently("breaker.open", open_it)
        if seconds is not None:
            log.warning("breaker.opened", connection=name, seconds=round(seconds, 1), cause=cause)

    async def _close(self, name: str) -> None:
        self._gates[name].breaker(opened=False)
        await database.patiently("breaker.close", lambda: self._table.close(name))
        log.info("breaker.closed", connection=name)
        self._news.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
