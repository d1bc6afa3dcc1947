"""One wait as it is set, and the record that ends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from contracts.events import Event, partition_key
from contracts.ids import stable_id
from contracts.runs import EndedBy, Run, Wake
from contracts.topics import MAX_MESSAGE_BYTES, RUNS
from services.flows.outcomes import Sleep
from services.runtime.kafka import OutgoingRecord

WAKE_BYTES = 4_000
"""Room for a Wake beside the run in one message."""
MOST_RUN_BYTES = MAX_MESSAGE_BYTES - WAKE_BYTES


@dataclass(frozen=True, slots=True)
class Timer:
    """A wait to set. `id` is the same on every replay of the step; `cancels` are the hashes of what ends it early.

    `keeps_event`: the wake brings the event that ended it.
    """

    id: str
    due: datetime
    run: Run
    body: bytes
    cancels: tuple[str, ...] = ()
    keeps_event: bool = False

    @property
    def key(self) -> bytes:
        """The Kafka key under which the run goes on."""
        return partition_key(self.run.event.account, self.run.key)


def timer_of(sleep: Sleep) -> Timer:
    """The timer that a run asks for."""
    return Timer(sleep.timer, sleep.until, sleep.run, sleep.run.to_bytes(), sleep.cancels, sleep.keeps_event)


def began(event: Event) -> datetime:
    """When an event came, as far as is known: orders events against the waits that they may end."""
    return (event.accepted or event.time).astimezone(UTC)


def origin(event: Event) -> str:
    """Which event: 32 hex digits."""
    return stable_id(event.account, event.source, event.happening)


@dataclass(frozen=True, slots=True)
class SetTimer:
    """A wait as the table has it: enough to end it."""

    id: UUID
    due: datetime
    key: bytes
    run: bytes
    keeps_event: bool = False

    @property
    def timer(self) -> str:
        """The id as messages have it."""
        return self.id.hex


class EndedWait(NamedTuple):
    """A wait, the event that ends it, and the hash that the two share, where the wait has several."""

    wait: SetTimer
    event: Event
    cancel: str | None

    def record(self, why: str) -> OutgoingRecord:
        """What tells the run. Its event goes along where the flow reads it, and both go into one message."""
        wait, event = self.wait, None
        if wait.keeps_event and len(wait.run) + len(self.event.to_bytes()) <= MOST_RUN_BYTES:
            event = self.event
        wake = Wake(timer=wait.timer, due=wait.due, by=EndedBy.EVENT, why=why, cancel=self.cancel, event=event)
        return record(wait.key, wait.run, wake)


Coming = Mapping[str, Sequence[tuple[int, Event]]]
"""Events by what they are, each with its number in their order."""


def coming(events: Iterable[tuple[str, Event]]) -> Coming:
    """Events by their hashes; several hashes of one event follow each other."""
    numbers: dict[int, int] = {}
    by_hash: dict[str, list[tuple[int, Event]]] = {}
    for one, event in events:
        by_hash.setdefault(one, []).append((numbers.setdefault(id(event), len(numbers)), event))
    return by_hash


def first_ending(
    cancels: Sequence[str], began_at: datetime, own: str, events: Coming
) -> tuple[str | None, Event] | None:
    """The first event that ends a wait, by the first of the wait's hashes that it has; with that, if there are several.

    An event ends waits of runs whose own event came before it, so a replay of older events ends nothing.
    """
    found = [
        (number, order, one, event)
        for order, one in enumerate(cancels)
        for number, event in events.get(one, ())
        if origin(event) != own and began_at <= began(event)
    ]
    if not found:
        return None
    *_, cancel, event = min(found, key=lambda each: each[:2])
    return (cancel if len(cancels) > 1 else None), event


def record(key: bytes, run: bytes, wake: Wake) -> OutgoingRecord:
    """The RunMessage that ends a wait. The run's JSON is passed on as it is."""
    return OutgoingRecord(RUNS, key, b'{"run":%b,"wake":%b}' % (run, wake.to_bytes()))
