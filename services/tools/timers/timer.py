"""One wait as it is set, and the record that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.events import Event, partition_key
from contracts.ids import stable_id
from contracts.runs import Run, Wake
from contracts.topics import MAX_MESSAGE_BYTES, RUNS
from services.flows.outcomes import Sleep
from services.runtime.kafka import OutgoingRecord

WAKE_BYTES = 4_000
"""Room for a Wake beside the run in one message."""
MOST_RUN_BYTES = MAX_MESSAGE_BYTES - WAKE_BYTES


@dataclass(frozen=True, slots=True)
class Timer:
    """A wait to set. `id` is the same on every replay of the step; `cancel` is the hash of what ends it early."""

    id: str
    due: datetime
    run: Run
    body: bytes
    cancel: str | None = None

    @property
    def key(self) -> bytes:
        """The Kafka key under which the run goes on."""
        return partition_key(self.run.event.account, self.run.key)


def timer_of(sleep: Sleep) -> Timer:
    """The timer that a run asks for."""
    return Timer(sleep.timer, sleep.until, sleep.run, sleep.run.to_bytes(), sleep.cancel)


def began(event: Event) -> datetime:
    """When an event came, as far as is known: orders events against the waits that they may end."""
    return (event.accepted or event.time).astimezone(UTC)


def origin(event: Event) -> str:
    """Which event: 32 hex digits."""
    return stable_id(event.account, event.source, event.happening)


def record(key: bytes, run: bytes, wake: Wake) -> OutgoingRecord:
    """The RunMessage that ends a wait. The run's JSON is passed on as it is."""
    return OutgoingRecord(RUNS, key, b'{"run":%b,"wake":%b}' % (run, wake.to_bytes()))
