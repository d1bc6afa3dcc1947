"""What a reader is given, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.triggers.payload import Payload


@dataclass(frozen=True)
class ReceivedBody:
    """A body after parsing, with what the request said about it outside of the body."""

    value: object
    headers: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None
    path: tuple[str | int, ...] = ()  # where in the body it stands
    query: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """A header's text, empty when it is not there."""
        return self.headers.get(name.lower().encode(), b"").decode("latin-1").replace("\x00", "").strip()[:LONGEST]


LONGEST = 512
REPEAT_SECONDS = 600
"""How long a sender repeats a delivery that was not acknowledged, where it sends no id: most do within minutes."""
RECUR_SECONDS = 30
"""The same where nothing tells a delivery from the next happening that is alike: two `Sim` a minute apart are two."""


@dataclass(frozen=True)
class Reading:
    """One event: its payload, and what stands outside of it."""

    payload: Payload
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None

    @property
    def repeat_seconds(self) -> int:
        """How long the same content is the same delivery, where there is no id.

        Minutes where what is new differs: by its time, or because something else of its subject comes in between.
        """
        known = self.subject or self.payload.subject()
        return REPEAT_SECONDS if known and (self.time or not self.payload.recurs) else RECUR_SECONDS


class Reader(Protocol):
    """Reads one kind of body."""

    triggers: tuple[type[Payload], ...]

    def read(self, sent: ReceivedBody) -> Sequence[Reading]:
        """The events in a body, in order. Raises pydantic.ValidationError, with paths into the body."""
        ...
