"""Deduplication: who was the first to see a key. One round trip for a whole batch.

A claim stores who made it. A duplicate is a claim by somebody else; the claimer's own replay passes. So nothing is
"marked as seen" before its work is safe, and a crash between the claim and the work loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import asyncpg

from services.runtime.database import storable
from services.runtime.tables import claims


@dataclass(frozen=True, slots=True)
class SubjectOrder:
    """Where an event stands among those of its subject: services/tools/content_repeats.py decides by it.

    `subject` and `content` are hashes, `partition` and `offset` say where it lies, `at` is when it was taken.
    `content`: None where the event has an id of its own.
    """

    subject: str
    partition: str
    offset: int
    at: datetime
    content: str | None


@dataclass(frozen=True, slots=True)
class EventClaim:
    """A wish to be the first. `claimed_by` is the same on every replay, and no two claimers share it.

    `note` is kept with a claim that is made, and given back to its claimer's replays. `keep`: how long it holds; None:
    as long as its call says. `among`: for an event, where it stands among those of its subject. `content`: a hash of
    what comes under the key; empty: nobody compares.
    """

    account: str
    key: str
    claimed_by: str
    note: str = ""
    keep: timedelta | None = None
    among: SubjectOrder | None = None
    content: str = ""


class Repeat(Enum):
    """Why a key that comes again is not what came first."""

    OTHER_CONTENT = "other content"


ClaimAnswer = str | Repeat | None
"""Of the first the note, of a duplicate None; of what came under the key of something else that it did."""


async def claim(pool: asyncpg.Pool, scope: str, wishes: Sequence[EventClaim], keep: timedelta) -> list[bool]:
    """For each wish, whether it is the first within `keep`: as `noted`, without the notes."""
    return [isinstance(note, str) for note in await noted(pool, scope, wishes, keep)]


async def noted(pool: asyncpg.Pool, scope: str, wishes: Sequence[EventClaim], keep: timedelta) -> list[ClaimAnswer]:
    """For each wish, the note of its claim if it is the first within its own time, else `keep`; for others why not.

    An expired claim is taken over. The same wishes again, in any grouping and with any notes, give the same answers.
    Of two wishes for one key in one call, the earlier is served first. Raises what asyncpg raises; then nothing is
    claimed.
    """
    if not wishes:
        return []
    asked: dict[tuple[str, str], tuple[str, str, timedelta, str]] = {}
    for wish in wishes:
        said = (wish.claimed_by, wish.note, keep if wish.keep is None else wish.keep, wish.content)
        asked.setdefault((storable(wish.account), storable(wish.key)), said)
    rows = sorted((account, key, *said) for (account, key), said in asked.items())
    holders = await claims.claim(pool, scope, rows)
    held = (holders[storable(wish.account), storable(wish.key)] for wish in wishes)
    return [_answer(row, wish) for row, wish in zip(held, wishes, strict=True)]


def _answer(row: asyncpg.Record, wish: EventClaim) -> ClaimAnswer:
    if row["claimed_by"] == wish.claimed_by:
        return str(row["note"])
    other = wish.content and row["content"] and wish.content != row["content"]
    return Repeat.OTHER_CONTENT if other else None
