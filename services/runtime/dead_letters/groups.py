"""Dead letters that died of the same cause, and filters that choose among them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.topics import REFUSED_DLQ
from services.runtime.dead_letters.letters import FoundDeadLetter

ID_LENGTH = 8
# What differs between two deaths of the same cause: quoted values, numbers, ids, addresses.
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{16,}\b|[+-]?\d[\d.,:TZ-]*|[\w.+-]+@[\w-]+\.[\w.]+", re.IGNORECASE)


def shape(cause: str) -> str:
    """A cause without what varies: `phone '12' is taken` and `phone '34' is taken` are one."""
    return VARYING.sub("…", cause)


def group_of(letter: FoundDeadLetter) -> str:
    """The id of a letter's group: the same on every listing."""
    if letter.letter is None:
        return stable_id(letter.topic)[:ID_LENGTH]
    known = letter.letter
    if letter.topic == REFUSED_DLQ.name:
        return refused_group(known.topic, known.code, known.cause)
    parts = (letter.topic, known.code.value, known.flow or "", known.step or "", letter.action, letter.connection)
    return stable_id(*parts, shape(known.cause))[:ID_LENGTH]


def refused_group(source: str, code: ErrorCode, cause: str) -> str:
    """The id of the group of what was refused of a source, `/hooks/NAME`, for a cause."""
    return stable_id(REFUSED_DLQ.name, source, code.value, shape(cause))[:ID_LENGTH]


@dataclass
class DeadLetterGroup:
    """Letters of one cause. `cause` is that of the newest."""

    id: str
    letters: list[FoundDeadLetter] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """It as a row."""
        newest = self.letters[-1]
        known = newest.letter
        return {
            "group": self.id,
            "count": len(self.letters),
            "first": self.letters[0].at,
            "last": newest.at,
            "topic": newest.topic,
            "source": newest.source or None,
            "code": known.code.value if known else None,
            "who_must_act": known.who_must_act.value if known else None,
            "flow": known.flow if known else None,
            "step": known.step if known else None,
            "action": newest.action or None,
            "connection": newest.connection or None,
            "cause": known.cause if known else "its headers are not those of a dead letter",
            "newest": newest.id,
        }


def groups(letters: Iterable[FoundDeadLetter]) -> list[DeadLetterGroup]:
    """By cause, the largest first. Letters come oldest first."""
    by_id: dict[str, DeadLetterGroup] = {}
    for letter in letters:
        identity = group_of(letter)
        by_id.setdefault(identity, DeadLetterGroup(identity)).letters.append(letter)
    return sorted(by_id.values(), key=lambda group: (-len(group.letters), group.id))


@dataclass(frozen=True)
class DeadLetterFilter:
    """Which letters are meant: all that fit every part. An empty one fits all."""

    ids: Sequence[str] = ()
    group: str | None = None
    code: ErrorCode | None = None
    flow: str | None = None
    connection: str | None = None
    topic: str | None = None
    source: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def chooses(self) -> bool:
        """Whether it names anything at all."""
        return self != DeadLetterFilter()

    def fits(self, letter: FoundDeadLetter) -> bool:
        """Whether a letter is meant."""
        known = letter.letter
        return (
            (not self.ids or letter.id in self.ids)
            and (self.group is None or group_of(letter) == self.group)
            and (self.code is None or (known is not None and known.code is self.code))
            and (self.flow is None or (known is not None and known.flow == self.flow))
            and (self.connection is None or letter.connection == self.connection)
            and (self.topic is None or letter.topic == self.topic)
            and (self.source is None or self.source in {letter.source, letter.source.rpartition("/")[2]})
            and (self.subject is None or _subject(letter) == self.subject)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at <= self.until)
        )

    def missing(self, letters: Iterable[FoundDeadLetter]) -> list[str]:
        """The ids that are named and not there."""
        there = {letter.id for letter in letters}
        return [identity for identity in self.ids if identity not in there]


def _subject(letter: FoundDeadLetter) -> str:
    """The part of the key after the account."""
    return (letter.key or b"").decode("utf-8", "replace").partition("/")[2]
