"""What comes from Kafka and what goes there, free of any Kafka library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.topics import Topic

Headers = list[tuple[str, bytes | None]]
"""As Kafka has them: a header's value may be absent."""


@dataclass(frozen=True, slots=True)
class ConsumedRecord:
    """A record as it was consumed: nothing of it is decoded yet. `name` is the topic's name on the broker."""

    topic: Topic
    name: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def coordinates(self) -> tuple[str, int, int]:
        """Where it is: (topic's name on the broker, partition, offset)."""
        return (self.name, self.partition, self.offset)

    @property
    def position(self) -> str:
        """Its coordinates as text: the same on every replay, different for every record."""
        return f"{self.name}/{self.partition}/{self.offset}"


def nothing() -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to produce. `on_acknowledged` is called once, when Kafka has it: what it stands for is counted there."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
    on_acknowledged: Callable[[], object] = field(default=nothing, compare=False, repr=False)


class PublishesBatches(Protocol):
    """What publishes a batch: `services.runtime.kafka.publishing.BatchPublisher` is one."""

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Return when every record is acknowledged."""
        ...
