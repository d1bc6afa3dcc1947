"""The dead letters that lie in the topics `*.dlq`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from contracts.dead_letters import PREFIX, DeadLetter
from contracts.topics import ACTIONS_DLQ, DLQ_OF, Topic
from services.runtime.kafka import topic_reading
from services.runtime.settings import RuntimeSettings

DLQS = {dlq.name: dlq for dlq in DLQ_OF.values()}
BACK_TO = {dlq.name: topic for topic, dlq in DLQ_OF.items()}
"""Where the original of a dead letter came from."""


@dataclass(frozen=True)
class FoundDeadLetter:
    """A dead letter where it lies. Its id is topic/partition/offset, such as `actions.dlq/0/12`."""

    id: str
    letter: DeadLetter | None  # None: the headers are not ours
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    guard: str = ""  # what a decision about it is kept under
    missing: str = ""  # why its original, which it only refers to, is not at hand

    @property
    def topic(self) -> str:
        """The dead-letter topic, by its logical name."""
        return self.id.partition("/")[0]

    @cached_property
    def body(self) -> Any:  # noqa: ANN401 - JSON is anything
        """The original message as JSON; None when it is none."""
        try:
            return orjson.loads(self.value)
        except orjson.JSONDecodeError:
            return None

    def field(self, *path: str) -> str:
        """A text of the message at a path; empty when there is none."""
        found = self.body
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, str) else ""

    @property
    def action(self) -> str:
        """The action that was asked for, where one was."""
        return self.field("action") if self.topic == ACTIONS_DLQ.name else ""

    @property
    def connection(self) -> str:
        """Its connection."""
        return self.field("connection") if self.topic == ACTIONS_DLQ.name else ""

    @property
    def source(self) -> str:
        """Of what ingest could not read the source that sent it, `/hooks/NAME` or `/polls/NAME`."""
        return self.letter.topic if self.letter is not None and self.letter.topic.startswith("/") else ""

    def row(self) -> dict[str, Any]:
        """Its headers as a row."""
        if self.letter is None:
            return {"id": self.id, "cause": "its headers are not those of a dead letter"}
        row = {"id": self.id, **self.letter.model_dump(mode="json")}
        if self.letter.original_bytes is not None:
            row["original"] = f"{self.letter.original_bytes} bytes at {_place(self.letter)}: here are the first of them"
        if self.action:
            row |= {"action": self.action, "connection": self.connection or None}
        return row


def _place(letter: DeadLetter) -> str:
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


async def with_originals(settings: RuntimeSettings, letters: Sequence[FoundDeadLetter]) -> list[FoundDeadLetter]:
    """The same letters, with key, value and headers of the originals to which some of them only refer.

    `missing` says why one could not be had. Raises UnreachableError.
    """
    wanted = {
        one.id: (one.letter.topic, one.letter.partition, one.letter.offset)
        for one in letters
        if one.letter is not None and one.letter.original_bytes is not None
    }
    originals = await topic_reading.at(settings, wanted.values()) if wanted else {}
    return [_whole(one, originals.get(wanted[one.id])) if one.id in wanted else one for one in letters]


def _whole(one: FoundDeadLetter, original: ConsumerRecord[bytes, bytes] | None) -> FoundDeadLetter:
    assert one.letter is not None  # noqa: S101 - only such were asked for
    if original is None:
        return replace(one, missing=f"only its first bytes are kept, and its original, {_place(one.letter)}, is gone")
    kept = [header for header in one.headers if header[0].startswith(PREFIX)]
    return replace(one, key=original.key, value=original.value or b"", headers=(*original.headers, *kept))


def found(topic: Topic, record: ConsumerRecord[bytes, bytes]) -> FoundDeadLetter:
    """A record of a dead-letter topic."""
    try:
        letter = DeadLetter.from_headers(tuple(record.headers))
    except (ValidationError, ValueError):
        letter = None
    return FoundDeadLetter(
        f"{topic.name}/{record.partition}/{record.offset}",
        letter,
        record.value or b"",
        record.key,
        tuple(record.headers),
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
        f"{record.topic}/{record.partition}/{record.offset}@{record.timestamp}",
    )


async def read_all(settings: RuntimeSettings, since: datetime | None = None) -> list[FoundDeadLetter]:
    """All dead letters of all topics, oldest first. Raises what services.runtime.kafka.topic_reading raises."""
    letters: list[FoundDeadLetter] = []
    for topic in DLQS.values():
        letters += [found(topic, record) async for record in topic_reading.read(settings, topic, since)]
    return sorted(letters, key=lambda one: one.at)
