"""What waits for its flow goes back on `events`: all when the flow is well, a few to try it while it is held.

Those that came first try it, and those that came last: what has waited longest is what made the flow be held, so alone
it would keep an honest contact out for as long as there is more of it.

Each replica lets go what came on its own partitions: it knows what became of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from contracts.dead_letters import REDRIVEN
from contracts.topics import EVENTS
from services.runtime import database
from services.runtime.apart import apart
from services.runtime.flow_hold import TRIALS, FlowHold
from services.runtime.kafka import ConsumedRecord, OutgoingRecord
from services.runtime.kafka.records import PublishesBatches
from services.tools import metrics, unhandled_errors
from services.tools.batch_processor import RunningFlows
from services.tools.held.held_table import HeldRuns, number_of

POLL_SECONDS = 0.5
MOST = 500
NEWEST = 3
"""Of those that try a held flow."""
MOST_UNDER_WAY = 1000
"""So many are on the topic and not done: whatever waits, other flows' events come between."""


class HeldRelease:
    """The loop of one replica. `places`: those of `events` that it has."""

    def __init__(
        self,
        table: HeldRuns,
        hold: FlowHold,
        flows: RunningFlows,
        publisher: PublishesBatches,
        places: Callable[[], Collection[str]],
    ) -> None:
        self._table = table
        self._hold = hold
        self._flows = flows
        self._publisher = publisher
        self._places = places
        self._shown: set[str] = set()
        self._over: list[int] = []
        self._had: frozenset[str] = frozenset()

    async def run(self) -> None:
        """For ever. Waits while PostgreSQL or Kafka is away."""
        while True:
            await database.patiently("held.release", self.turn)
            await asyncio.sleep(POLL_SECONDS)

    async def turn(self) -> int:
        """Let go what may go; answer how many."""
        places = self._places()
        if not self._had <= (now := frozenset(places)):
            self._hold.forget()
        self._had = now
        for name in self._hold.held_flows():
            # Of a flow that is gone, what waits ends as any event that no flow is for.
            self._hold.runs(name, self._flows.current(name) or "")
        names = await self._table.flows(places) if places else []
        room = MOST_UNDER_WAY - await self._table.under_way(places) if names else 0
        released = 0
        for name in names:
            most, newest = min(MOST, room), 0
            if self._hold.holds(name):
                # Whether one may try it is said where it comes back.
                most, newest = (min(most, TRIALS - NEWEST), NEWEST) if self._hold.held(name) <= 0 else (0, 0)
            if most > 0:
                self._over.clear()
                done = await self._table.release(name, places, most, self._publish, newest=newest)
                await self._table.gone(self._over)
                released, room = released + done, room - done
        await self._show(names, places)
        return released

    async def _publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        await apart(outputs, self._sent, self._broke)

    async def _sent(self, outputs: Sequence[OutgoingRecord]) -> list[None]:
        await self._publisher.publish(outputs)
        return [None] * len(outputs)

    async def _broke(self, output: OutgoingRecord, error: Exception) -> None:
        """It cannot go back: a dead letter of what was to begin the run. Its row is over."""
        redriven = dict(output.headers or ()).get(REDRIVEN)
        where = (redriven or b"").decode("utf-8", "replace")
        record = ConsumedRecord(EVENTS, where, 0, 0, output.key, output.value, list(output.headers or ()))
        await unhandled_errors.bury(record, error, self._publisher.publish, unhandled_errors.nobody)
        if (number := number_of(redriven)) is not None:
            self._over.append(number)

    async def _show(self, names: Collection[str], places: Collection[str]) -> None:
        for name in names:
            metrics.RUNS_HELD.labels(name).set(await self._table.count(name, places))
        for name in self._shown - set(names):
            metrics.RUNS_HELD.labels(name).set(0)
        self._shown |= set(names)
