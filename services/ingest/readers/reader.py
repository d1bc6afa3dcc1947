"""What a reader is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.triggers.payload import Payload
from services.ingest.http_problems import in_words, pointer
from services.runtime import logging, metrics

PLACE = "items"
log = logging.get("items")
Path = tuple[str | int, ...]


@dataclass(slots=True)  # as AuthRequest
class ReceivedBody:
    """A body after parsing, with what the request said about it outside of the body."""

    value: object
    headers: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None
    path: Path = ()  # where in the body it stands
    query: bytes = field(default=b"", repr=False)
    texts: bool = False  # a form, a query or XML: all values are texts
    enclosed: Callable[[Any], Any] | None = field(default=None, repr=False)  # puts a value into the envelope it came in
    again: str = ""  # of an item that is read again, alone: the pointer to where it stood in its body

    def header(self, name: str) -> str:
        """A header's text, empty when it is not there. Its size is bounded by that of all headers."""
        return self.headers.get(name.lower().encode(), b"").decode("latin-1").replace("\x00", "").strip()

    @property
    def place(self) -> str:
        """What tells it from others of its body where an id is that of all of them; empty: it is the whole body."""
        return self.again or pointer(self.path)


LONGEST = 512
REPEAT_SECONDS = 600
"""How long a sender repeats a delivery that was not acknowledged, where it sends no id: most do within minutes."""
RECUR_SECONDS = 30
"""The same where nothing tells a delivery from the next happening that is alike: two `Sim` a minute apart are two."""


Alone = Callable[[], Any]
"""Makes the body with one item alone: read again, it gives that item and nothing else."""


@dataclass(slots=True)
class Reading:
    """One event: its payload, and what stands outside of it. `alone`: where its body can hold others."""

    payload: Payload
    identity: str | None = None
    time: datetime | None = None
    subject: str | None = None
    path: Path = ()
    alone: Alone | None = field(default=None, repr=False, compare=False)

    @property
    def repeat_seconds(self) -> int:
        """How long the same content is the same delivery, where there is no id.

        Minutes where what is new differs: by its time, or because something else of its subject comes in between.
        """
        known = self.subject or self.payload.subject()
        return REPEAT_SECONDS if known and (self.time or not self.payload.recurs) else RECUR_SECONDS


@dataclass(slots=True)
class UnreadItem:
    """An item that is no event, of a body that can hold several: where it stood, and why. The others go on."""

    trigger: str
    path: Path
    code: ErrorCode
    why: str
    alone: Alone = field(repr=False)


Item = Reading | UnreadItem


class Reader(Protocol):
    """Reads one kind of body."""

    triggers: tuple[type[Payload], ...]

    def read(self, sent: ReceivedBody) -> Sequence[Item]:
        """What is in a body, in order.

        Raises pydantic.ValidationError, with paths into the body, where nothing of it can be read.
        """
        ...

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body without what people must not see."""
        ...


def item(read: Callable[[], Sequence[Item]], trigger: str, path: Path, alone: Alone) -> Sequence[Item]:
    """One item of several: what reads it, or why nobody can. Never raises."""
    try:
        found = read()
    except ValidationError as error:
        return (UnreadItem(trigger, path, ErrorCode.SHAPE_INVALID, in_words(error), alone),)
    except Exception as error:
        log.critical("item.broke", trigger=trigger, item=path, exc_info=error)
        metrics.BUGS.labels(PLACE).inc()
        return (UnreadItem(trigger, path, ErrorCode.BUG, type(error).__name__, alone),)
    # What stands in another body stands at `path` there. One that knows its place better keeps it.
    return [one if one.path else replace(one, path=path, alone=alone) for one in found]
