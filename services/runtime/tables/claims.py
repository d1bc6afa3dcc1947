"""The table `claims`: who was the first, by account, scope and key. A row that is over is taken over, or deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.runtime.tables.expiry import Expiring

EXPIRING = Expiring("claims")
# An existing row is written again, with what it holds: only so does one statement answer with the holder of every key,
# also of one that another worker claims at this moment. Duplicates are few.
CLAIM = """
insert into claims as held (account, scope, key, claimed_by, note, expires_at, content)
select asked.account, $1, asked.key, asked.claimed_by, asked.note, now() + asked.keep, asked.content
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::interval[], $7::text[])
    as asked (account, key, claimed_by, note, keep, content)
on conflict (account, scope, key) do update set
    claimed_by = case when held.expires_at <= now() then excluded.claimed_by else held.claimed_by end,
    note = case when held.expires_at <= now() then excluded.note else held.note end,
    content = case when held.expires_at <= now() then excluded.content else held.content end,
    expires_at = case when held.expires_at <= now() then excluded.expires_at else held.expires_at end
returning account, key, claimed_by, note, content
"""
HELD = "select key from claims where account = $1 and scope = $2 and key = any ($3::text[]) and expires_at > now()"
HOLD = """
insert into claims (account, scope, key, claimed_by, expires_at)
select $1, $2, told.key, $4, now() + $5 from unnest($3::text[]) as told (key) order by told.key
on conflict (account, scope, key) do update set expires_at = excluded.expires_at
"""

Connection = asyncpg.Pool | asyncpg.Connection | PoolConnectionProxy
Row = tuple[str, str, str, str, timedelta, str]
"""Account, key, claimer, note, how long it holds, and a hash of what came under the key."""


async def claim(pool: asyncpg.Pool, scope: str, rows: Sequence[Row]) -> dict[tuple[str, str], asyncpg.Record]:
    """Claim keys that nobody holds; by account and key who holds each, with `claimed_by`, `note` and `content`.

    No key stands twice, and all stand in order, so that two workers who claim the same wait for each other, never both.
    """
    found = await pool.fetch(CLAIM, scope, *zip(*rows, strict=True))
    return {(row["account"], row["key"]): row for row in found}


async def held(connection: Connection, account: str, scope: str, keys: Collection[str]) -> set[str]:
    """Those of the keys that somebody holds."""
    return {row["key"] for row in await connection.fetch(HELD, account, scope, list(keys))}


async def hold(
    connection: Connection, account: str, scope: str, keys: Collection[str], *, by: str, keep: timedelta
) -> None:
    """Hold keys for so long from now on, whoever does already."""
    await connection.execute(HOLD, account, scope, list(keys), by, keep)
