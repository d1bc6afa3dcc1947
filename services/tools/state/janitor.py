"""Expiry: what is over is deleted, a little at a time, by any worker, so that tables stay flat."""

from __future__ import annotations

import asyncpg

TABLES = ("contents", "state_cells", "state_answers", "dead_runs", "echoes", "echo_aliases", "sync_ledger")
FORGET = """
delete from {table} where ctid = any (array(
    select ctid from {table} where expires_at < now() order by expires_at limit $1 for update skip locked
))
"""


async def forget_expired(pool: asyncpg.Pool, most: int = 5000) -> int:
    """Delete up to `most` expired rows of each table; answer how many. Workers can do it at the same time."""
    done = 0
    for table in TABLES:
        told: str = await pool.execute(FORGET.format(table=table), most)
        done += int(told.rsplit(" ", 1)[1])
    return done
