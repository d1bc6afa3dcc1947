"""The table `parked`. Only who works on a place writes its rows; the same row twice is one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from contracts.topics import ACTIONS
from services.actions.journal.unknowns import packed, unpacked
from services.runtime.kafka import ConsumedRecord

# Its clock may be set back: nothing waits longer than it was to from the first, nor was tried for less than no time.
HEADS = """
select distinct on (lane) lane, least(extract(epoch from due_at - now())::float8, waits) as wait,
       count(*) over (partition by lane)::int as rows
from parked where place = $1 and connection = '' order by lane, position
"""
# From one name to the next in the index: a partition that has just been assigned waits for it, whatever waits there.
CONNECTIONS = """
with recursive found (connection) as (
    (select connection from parked where place = $1 and connection <> '' order by connection limit 1)
    union all
    select (select connection from parked where place = $1 and connection > found.connection and connection <> ''
            order by connection limit 1)
    from found where found.connection is not null
)
select connection from found where connection is not null
"""
# What reads all of a place takes seconds where millions wait. Ended before, and begun anew, it would never answer.
WHOLE_SECONDS = 300.0
COUNT = "select count(*) from parked where place = $1"
NEXT = """
select place, lane, position, attempts, coalesce(age, greatest(0, extract(epoch from now() - began_at)::float8)) as age,
       age is not null as still, key, value, headers
from parked where place = $1 and connection = $2 and connection <> '' and position > $3 order by position limit $4
"""
NEWEST = """
select lane from parked where place = $1 and connection = $2 and connection <> '' order by position desc limit $3
"""
LATE = """
select place, lane, position, attempts, coalesce(age, greatest(0, extract(epoch from now() - began_at)::float8)) as age,
       age is not null as still, key, value, headers
from parked where place = any ($1::text[]) and deadline <= to_timestamp($2::float8) order by deadline limit $3
"""
BYTES = "select pg_total_relation_size('parked')"
COLUMNS = (
    "place",
    "lane",
    "position",
    "due_at",
    "attempts",
    "began_at",
    "age",
    "key",
    "value",
    "headers",
    "connection",
    "deadline",
)
ADD = """
insert into parked
    (place, lane, position, due_at, waits, attempts, began_at, age, key, value, headers, connection, deadline)
select place, lane, position, now() + wait * interval '1 second', wait, attempts, now() - age * interval '1 second',
       case when still then age end, key, value, headers, connection, to_timestamp(deadline)
from unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::integer[], $6::float8[], $7::boolean[],
            $8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::float8[])
    as new (place, lane, position, wait, attempts, age, still, key, value, headers, connection, deadline)
on conflict (place, lane, position) do update
set due_at = excluded.due_at, waits = excluded.waits, attempts = excluded.attempts, began_at = excluded.began_at,
    age = excluded.age, connection = excluded.connection
where excluded.attempts >= parked.attempts
"""
REMOVE = """
delete from parked using unnest($1::text[], $2::text[], $3::bigint[]) as gone (place, lane, position)
where parked.place = gone.place and parked.lane = gone.lane and parked.position = gone.position
"""
LOAD = """
select wanted.place, wanted.lane, row.position, row.attempts,
       coalesce(row.age, greatest(0, extract(epoch from now() - row.began_at)::float8)) as age,
       row.age is not null as still, row.key, row.value, row.headers
from unnest($1::text[], $2::text[]) as wanted (place, lane), lateral (
    select * from parked where parked.place = wanted.place and parked.lane = wanted.lane order by position limit $3
) as row
order by wanted.place, wanted.lane, row.position
"""


class Parked(NamedTuple):
    """One request. `wait_seconds`: until its lane is worked on, if it is the first there.

    `age_seconds`: since when it is tried; `still`: it grows no older there. `connection`: it waits for that one, and
    not with its lane. `deadline`: when it is too late, in seconds since 1970.
    """

    place: str
    lane: str
    record: ConsumedRecord
    attempts: int
    age_seconds: float
    wait_seconds: float = 0.0
    still: bool = False
    connection: str = ""
    deadline: float | None = None


class Head(NamedTuple):
    """A lane that waits, with its number of rows."""

    lane: str
    wait_seconds: float
    rows: int


class ParkedTable:
    """All of it in batches."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def heads(self, place: str) -> list[Head]:
        """The lanes of a place."""
        rows = await self._pool.fetch(HEADS, place, timeout=WHOLE_SECONDS)
        return [Head(row["lane"], row["wait"], row["rows"]) for row in rows]

    async def add(self, rows: Sequence[Parked]) -> None:
        """Keep these, or change when they are due."""
        await self._pool.execute(
            ADD,
            [row.place for row in rows],
            [row.lane for row in rows],
            [row.record.offset for row in rows],
            [row.wait_seconds for row in rows],
            [row.attempts for row in rows],
            [row.age_seconds for row in rows],
            [row.still for row in rows],
            [row.record.key for row in rows],
            [row.record.value or b"" for row in rows],
            [packed(row.record.headers) for row in rows],
            [row.connection for row in rows],
            [row.deadline for row in rows],
        )

    async def copy(self, rows: Sequence[Parked]) -> None:
        """Keep these, in a fraction of the time; where one of them is there already, as `add`."""
        now = datetime.now(UTC)
        records = [
            (
                row.place,
                row.lane,
                row.record.offset,
                now,
                row.attempts,
                now - timedelta(seconds=row.age_seconds),
                row.age_seconds if row.still else None,
                row.record.key,
                row.record.value or b"",
                packed(row.record.headers),
                row.connection,
                None if row.deadline is None else datetime.fromtimestamp(row.deadline, UTC),
            )
            for row in rows
        ]
        try:
            async with self._pool.acquire() as connection:
                await connection.copy_records_to_table("parked", records=records, columns=COLUMNS)
        except asyncpg.UniqueViolationError:
            await self.add(rows)

    async def connections(self, place: str) -> list[str]:
        """The connections that requests of a place wait for."""
        return [row["connection"] for row in await self._pool.fetch(CONNECTIONS, place)]

    async def count(self, place: str) -> int:
        """How many requests of a place wait: seconds, where millions do."""
        found: int = await self._pool.fetchval(COUNT, place, timeout=WHOLE_SECONDS)
        return found

    async def next(self, place: str, connection: str, after: int, most: int) -> list[Parked]:
        """What waits for a connection behind an offset, in order."""
        return [_parked(row) for row in await self._pool.fetch(NEXT, place, connection, after, most)]

    async def late(self, places: Sequence[str], wall: float, most: int) -> list[Parked]:
        """What is past its deadline at a moment, the longest first. `wall`: in seconds since 1970."""
        return [_parked(row) for row in await self._pool.fetch(LATE, places, wall, most)]

    async def newest(self, place: str, connection: str, most: int) -> list[str]:
        """The lanes of what came last of it."""
        return [row["lane"] for row in await self._pool.fetch(NEWEST, place, connection, most)]

    async def bytes(self) -> int:
        """What all of it takes on disk, of all workers."""
        found: int = await self._pool.fetchval(BYTES)
        return found

    async def remove(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """Forget these: (place, lane, offset)."""
        await self._pool.execute(REMOVE, *(list(column) for column in zip(*rows, strict=True)))

    async def load(self, lanes: Sequence[tuple[str, str]], most: int) -> list[Parked]:
        """The first rows of these lanes, in order, at most so many of each."""
        rows = await self._pool.fetch(LOAD, [place for place, _ in lanes], [lane for _, lane in lanes], most)
        return [_parked(row) for row in rows]


def _parked(row: asyncpg.Record) -> Parked:
    topic, _, partition = row["place"].rpartition("/")
    record = ConsumedRecord(
        ACTIONS, topic, int(partition), row["position"], row["key"], row["value"], unpacked(row["headers"])
    )
    return Parked(row["place"], row["lane"], record, row["attempts"], row["age"], still=row["still"])
