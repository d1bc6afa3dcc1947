"""What comes from Kafka and what goes there, free of any Kafka library."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.topics import Topic

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was consumed. `topic` is its name on the broker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def coordinates(self) -> tuple[str, int, int]:
        """Where it is: (topic, partition, offset)."""
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Output:
    """A record to produce."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
