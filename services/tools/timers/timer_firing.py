"""Every replica fires what is due: publish to `runs`, and delete when Kafka has acknowledged.

A replica that dies in between leaves its rows to the others, and the same wait ends twice: the first record counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.runs import Wake
from contracts.topics import RUNS
from services.runtime import database, logging
from services.runtime.apart import apart
from services.runtime.kafka import ConsumedRecord, OutgoingRecord
from services.runtime.kafka.records import PublishesBatches
from services.tools import metrics, unhandled_errors
from services.tools.timers import timer
from services.tools.timers.timer import SetTimer
from services.tools.timers.timer_table import TimerTable

log = logging.get("firing")
POLL_SECONDS = 0.2
MOST = 500
SHARE_SECONDS = 0.25
"""No more is taken at once than may be fired in this time: the rate holds within a second, too."""


class TimerFiring:
    """The loop of one replica. `rate`: at most so many a second, so that what is overdue floods no destination.

    `died` is told of runs that end as dead.
    """

    def __init__(
        self,
        store: TimerTable,
        publisher: PublishesBatches,
        rate: float,
        died: unhandled_errors.Died = unhandled_errors.nobody,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._rate = rate
        self._died = died
        self._most = max(1, min(MOST, int(rate * SHARE_SECONDS)))

    async def run(self) -> None:
        """Fire for ever. Waits while PostgreSQL or Kafka is away."""
        while True:
            began = time.monotonic()
            fired = await database.patiently("timers.fire", self.turn)
            pause = fired / self._rate if fired == self._most else POLL_SECONDS
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))

    async def turn(self) -> int:
        """Fire what is due, the longest overdue first; answer how many."""
        return await self._store.fire(self._most, self._publish)

    async def _publish(self, waits: Sequence[SetTimer]) -> None:
        await apart(waits, self._wake, self._broke)
        now = datetime.now(UTC)
        for one in waits:
            metrics.TIMER_LATENESS.observe(max(0.0, (now - one.due).total_seconds()))

    async def _wake(self, waits: Sequence[SetTimer]) -> list[None]:
        await self._publisher.publish([_record(one) for one in waits])
        return [None] * len(waits)

    async def _broke(self, one: SetTimer, error: Exception) -> None:
        """Its run cannot go on: a dead letter of what was to wake it."""
        value = b'{"run":%b}' % one.run
        record = ConsumedRecord(RUNS, f"timers/{one.timer}", 0, 0, one.key, value, [])
        await unhandled_errors.bury(record, error, self._publisher.publish, self._died)


def _record(one: SetTimer) -> OutgoingRecord:
    return timer.record(one.key, one.run, Wake(timer=one.timer, due=one.due))


async def watch(store: TimerTable, seconds: float = 5.0) -> None:
    """Show how long the first wait is overdue, for ever."""
    while True:
        overdue = await database.patiently("timers.overdue", store.overdue_seconds)
        metrics.TIMERS_OVERDUE.set(max(0.0, overdue))
        await asyncio.sleep(seconds)
