"""Expiry: what is over is deleted, a little at a time, by any worker, so that tables stay flat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from services.runtime import database

MOST = 5000
"""Rows of one table that are deleted at once."""
SECONDS = 60.0
MORE_SECONDS = 0.1  # as fast as rows can come, and still a pause for others
FORGET = """
delete from {table} where ctid = any (array(
    select ctid from {table} where {column} < now() - $2::interval order by {column} limit $1 for update skip locked
))
"""


@dataclass(frozen=True, slots=True)
class Expiring:
    """A table whose rows are over so long after the time in a column, which has an index."""

    table: str
    column: str = "expires_at"
    after: timedelta = timedelta(0)


async def forget_expired(pool: asyncpg.Pool, tables: Iterable[Expiring], most: int = MOST) -> list[int]:
    """Delete up to `most` expired rows of each table; how many of each. Workers can do it at the same time."""
    done = []
    for one in tables:
        told: str = await pool.execute(FORGET.format(table=one.table, column=one.column), most, one.after)
        done.append(int(told.rsplit(" ", 1)[1]))
    return done


async def keep_flat(pool: asyncpg.Pool, *tables: Expiring) -> None:
    """Delete what is over, for ever. Waits while PostgreSQL is away."""
    while True:
        done = await database.patiently("expiry", lambda: forget_expired(pool, tables))
        await asyncio.sleep(MORE_SECONDS if MOST in done else SECONDS)
