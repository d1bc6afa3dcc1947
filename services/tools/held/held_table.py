"""The table `held_runs`. All in batches; while it is empty, each batch of `events` costs one look.

A row counts until the record that was made of it is done: so later events of its subject go behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

import asyncpg

from contracts.dead_letters import REDRIVEN, REDRIVEN_FLOW, REDRIVEN_OCCURRENCE
from contracts.events import Event
from contracts.ids import stable_id
from contracts.topics import EVENTS
from services.runtime.database import short
from services.runtime.kafka import ConsumedRecord, OutgoingRecord
from services.runtime.tables.expiry import Expiring

PREFIX = "held/"
"""Begins the header of a record that was held: then come the row's number and its round."""
AGAIN_SECONDS = 60
"""A row whose record was not seen for so long is put there again: the claim of its round is had once."""
MOST_COUNTED = 100_000
MOST_DIGITS = 18  # of a bigint; a header can hold anything
EXPIRING = Expiring("held_runs")
"""An hour: longer than offsets take to be committed. Until then a record can be read again that a row was made of."""

ANY = """
select max(first.number) is not null from unnest($1::text[]) as owned (place), lateral (
    select min(number) as number from held_runs where place = owned.place
) as first
"""
FLOWS = """
with recursive found (place, flow) as (
    select owned.place, (select min(flow) from held_runs where place = owned.place and expires_at is null)
    from unnest($1::text[]) as owned (place)
    union all
    select place, (
        select min(flow) from held_runs as row
        where row.place = found.place and row.flow > found.flow and expires_at is null
    ) from found where flow is not null
)
select distinct flow from found where flow is not null order by flow
"""
OLDEST = """
select wish.place, wish.flow, wish.account, wish.subject, first.number, first.came_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as wish (place, flow, account, subject), lateral (
    select min(number) as number, min(came_at) as came_at from held_runs as row
    where row.place = wish.place and row.flow = wish.flow and row.account = wish.account
    and row.subject = wish.subject and row.number <> all ($5::bigint[]) and expires_at is null
) as first
where first.number is not null
"""
KNOWN = "select id from held_runs where id = any ($1::uuid[])"
ROUNDS = "select number, rounds, came_at from held_runs where number = any ($1::bigint[])"
KEEP = """
insert into held_runs (id, place, flow, account, subject, came_at, key, event, occurrence)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::bytea[],
                     $9::text[])
on conflict (id) do nothing
"""
KEEP_ON = "update held_runs set released_at = null where number = any ($1::bigint[]) and expires_at is null"
GONE = """
update held_runs set expires_at = now() + interval '1 hour' where number = any ($1::bigint[]) and expires_at is null
"""
UNDER_WAY = """
select count(*) from held_runs where place = any ($1::text[]) and released_at is not null and expires_at is null
"""
RELEASE = """
update held_runs set released_at = now(), rounds = rounds + 1
where number in (
    select first.number from unnest($2::text[]) as owned (place), lateral (
        select number, came_at from held_runs
        where place = owned.place and flow = $1 and expires_at is null
        and (released_at is null or released_at < now() - $4::float8 * interval '1 second')
        order by came_at, number limit $3 for update skip locked
    ) as first
    order by first.came_at, first.number limit $3
)
returning came_at, number, rounds, key, event, occurrence
"""
RELEASE_NEWEST = """
update held_runs set released_at = now(), rounds = rounds + 1
where number in (
    select first.number from unnest($2::text[]) as owned (place), lateral (
        select number, came_at from held_runs as row
        where place = owned.place and flow = $1 and expires_at is null
        and (released_at is null or released_at < now() - $4::float8 * interval '1 second')
        and not exists (
            select from held_runs as earlier
            where earlier.place = row.place and earlier.flow = row.flow and earlier.account = row.account
            and earlier.subject = row.subject and earlier.came_at < row.came_at and earlier.expires_at is null
        )
        order by came_at desc limit $3 for update skip locked
    ) as first
    order by first.came_at desc limit $3
)
returning came_at, number, rounds, key, event, occurrence
"""
COUNT = """
select count(*) from unnest($2::text[]) as owned (place), lateral (
    select from held_runs where place = owned.place and flow = $1 and expires_at is null limit $3
) as waiting
"""

PublishBatch = Callable[[Sequence[OutgoingRecord]], Awaitable[None]]
Pair = tuple[str, str, str, str]
"""Whose order is kept: (place, flow, account, subject)."""


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A new run that is to wait: of a flow, by the event of a record."""

    id: UUID
    pair: Pair
    came_at: int
    key: bytes
    event: bytes
    occurrence: str | None


@dataclass(frozen=True, slots=True)
class Arriving:
    """A new run: whose order it keeps, and the position of its record."""

    pair: Pair
    position: str

    @property
    def id(self) -> UUID:
        """Of its row, if it has to wait: the same when its record is done again."""
        return UUID(stable_id(self.position, self.pair[1]))


class FirstRow(NamedTuple):
    """Of the rows of a subject: the lowest number, and the lowest offset that one of them came at."""

    number: int
    came_at: int


class ArrivedRow(NamedTuple):
    """A row of which a record arrives. `rounds`: the round it is in; a record of an earlier one was done before.

    `came_at`: the offset at which it came first.
    """

    rounds: int
    came_at: int


@dataclass(frozen=True, slots=True)
class Found:
    """The first row of each subject that has one, and the ids of arriving runs that were kept before."""

    first: Mapping[Pair, FirstRow] = field(default_factory=dict)
    known: frozenset[UUID] = frozenset()
    arrived: Mapping[int, ArrivedRow] = field(default_factory=dict)
    """The rows whose records arrive."""


def pair_of(record: ConsumedRecord, flow: str, event: Event) -> Pair:
    """Whose order a new run keeps, as the table has it."""
    return place_of(record.name, record.partition), flow, short(event.account), short(event.subject)


def place_of(topic: str, partition: int) -> str:
    """Where records are, by the topic's name on the broker."""
    return f"{topic}/{partition}"


def round_of(redriven: bytes | None) -> int:
    """In which round of its row a record was made."""
    last = (redriven or b"").decode("utf-8", "replace").rpartition("/")[2]
    return int(last) if last.isascii() and last.isdecimal() and len(last) <= MOST_DIGITS else 0


def number_of(redriven: bytes | None) -> int | None:
    """The row that a record was made of, by its header; None for another's."""
    text = "" if redriven is None else redriven.decode("utf-8", "replace")
    number = text.removeprefix(PREFIX).partition("/")[0]
    known = text.startswith(PREFIX) and number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS
    return int(number) if known else None


class HeldRuns(Protocol):
    """The runs of an installation that wait for their flow: `HeldTable` is them."""

    async def any(self, places: Sequence[str]) -> bool:
        """Whether there is a row of one of these places."""
        ...

    async def found(self, arriving: Sequence[Arriving], without: Collection[int]) -> Found:
        """What is there of these that arrive. `without`: rows that do not count as the first."""
        ...

    async def keep(self, runs: Sequence[HeldRun], again: Collection[int]) -> None:
        """These wait from now on, in this order; the rows `again`, which were on their way, go on waiting."""
        ...

    async def gone(self, numbers: Collection[int]) -> None:
        """The records of these rows are done."""
        ...

    async def flows(self, places: Collection[str]) -> list[str]:
        """Those that have rows in these places."""
        ...

    async def count(self, flow: str, places: Collection[str]) -> int:
        """How many of a flow wait in these places."""
        ...

    async def under_way(self, places: Collection[str]) -> int:
        """Rows whose record was put on the topic and is not done."""
        ...

    async def release(
        self, flow: str, places: Collection[str], most: int, publish: PublishBatch, *, newest: int = 0
    ) -> int:
        """Put the first of these places back on `events`, in their order; answer how many.

        `newest`: so many besides of the subjects that came last, of each its first.
        """
        ...


class HeldTable:
    """The runs of an installation that wait for their flow."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def any(self, places: Sequence[str]) -> bool:
        """Whether there is a row of one of these places."""
        found: bool = await self._pool.fetchval(ANY, places)
        return found

    async def found(self, arriving: Sequence[Arriving], without: Collection[int]) -> Found:
        """What is there of these that arrive. `without`: rows that do not count as the first."""
        pairs = sorted({one.pair for one in arriving})
        rows = await self._pool.fetch(OLDEST, *(list(column) for column in zip(*pairs, strict=True)), sorted(without))
        known = await self._pool.fetch(KNOWN, [one.id for one in arriving])
        first = {tuple(pair): FirstRow(number, came_at) for *pair, number, came_at in rows}
        arrived = {number: ArrivedRow(*row) for number, *row in await self._pool.fetch(ROUNDS, sorted(without))}
        return Found(first, frozenset(row["id"] for row in known), arrived)

    async def keep(self, runs: Sequence[HeldRun], again: Collection[int]) -> None:
        """These wait from now on, in this order; the rows `again`, which were on their way, go on waiting.

        Twice is once.
        """
        rows = [(run.id, *run.pair, run.came_at, run.key, run.event, run.occurrence) for run in runs]
        async with self._pool.acquire() as connection, connection.transaction():
            if rows:
                await connection.execute(KEEP, *(list(column) for column in zip(*rows, strict=True)))
            if again:
                await connection.execute(KEEP_ON, sorted(again))

    async def gone(self, numbers: Collection[int]) -> None:
        """The records of these rows are done."""
        if numbers:
            await self._pool.execute(GONE, sorted(numbers))

    async def flows(self, places: Collection[str]) -> list[str]:
        """Those that have rows in these places."""
        return [row["flow"] for row in await self._pool.fetch(FLOWS, sorted(places))]

    async def count(self, flow: str, places: Collection[str]) -> int:
        """How many of a flow wait in these places; at most `MOST_COUNTED` of each."""
        count: int = await self._pool.fetchval(COUNT, flow, sorted(places), MOST_COUNTED)
        return count

    async def under_way(self, places: Collection[str]) -> int:
        """Rows whose record was put on the topic and is not done."""
        count: int = await self._pool.fetchval(UNDER_WAY, sorted(places))
        return count

    async def release(
        self, flow: str, places: Collection[str], most: int, publish: PublishBatch, *, newest: int = 0
    ) -> int:
        """Put the first of these places back on `events`, in their order; answer how many.

        `newest`: so many besides of the subjects that came last, of each its first. If `publish` raises, or this
        process ends, they wait as before.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetch(RELEASE, flow, sorted(places), most, float(AGAIN_SECONDS))
            if newest:
                found += await connection.fetch(RELEASE_NEWEST, flow, sorted(places), newest, float(AGAIN_SECONDS))
            if found:
                rows = sorted(found, key=lambda row: (row["came_at"], row["number"]))
                await publish([released(flow, number, rounds, tuple(run)) for _, number, rounds, *run in rows])
        return len(found)


def released(flow: str, number: int, rounds: int, run: tuple[bytes, bytes, str | None]) -> OutgoingRecord:
    """The record of a row in one of its rounds: it begins its own flow only, once.

    `run`: the event's key, the event, and its occurrence, if it has one.
    """
    key, event, occurrence = run
    headers: list[tuple[str, bytes | None]] = [
        (REDRIVEN, f"{PREFIX}{number}/{rounds}".encode()),
        (REDRIVEN_FLOW, flow.encode()),
    ]
    if occurrence is not None:
        headers.append((REDRIVEN_OCCURRENCE, occurrence.encode()))
    return OutgoingRecord(EVENTS, key, event, headers)
