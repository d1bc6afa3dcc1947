"""What a reader is given, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.triggers.payload import Payload


@dataclass(frozen=True)
class Sent:
    """A body after parsing, with what the request said about it outside of the body."""

    value: object
    headers: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None
    place: tuple[str | int, ...] = ()  # where in the body it stands


@dataclass(frozen=True)
class Reading:
    """One event: its payload, and what stands outside of it."""

    payload: Payload
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None


class Reader(Protocol):
    """Reads one kind of body."""

    triggers: tuple[type[Payload], ...]

    def read(self, sent: Sent) -> Sequence[Reading]:
        """The events in a body, in order. Raises pydantic.ValidationError, with places in the body."""
        ...
