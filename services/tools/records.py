"""What comes from Kafka and what goes there, free of any Kafka library."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.topics import Topic

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
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
        """Where it is: (topic, partition, offset)."""
        return (self.name, self.partition, self.offset)

    @property
    def place(self) -> str:
        """Its coordinates as text: the same on every replay, different for every record."""
        return f"{self.name}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Output:
    """A record to produce."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
