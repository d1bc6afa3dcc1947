"""How long the oldest request waits for another attempt, as a metric: over all workers, so each tells the same."""

from __future__ import annotations

import asyncio

import asyncpg

from services.actions import metrics
from services.runtime import database

OLDEST = "select coalesce(extract(epoch from now() - min(began_at)), 0)::float8 from parked"
EVERY_SECONDS = 15.0


async def watch(pool: asyncpg.Pool) -> None:
    """Look for ever."""
    while True:
        await database.patiently("parked.oldest", lambda: look(pool))
        await asyncio.sleep(EVERY_SECONDS)


async def look(pool: asyncpg.Pool) -> float:
    """Look once; the seconds."""
    seconds: float = await pool.fetchval(OLDEST)
    metrics.PARKED_OLDEST.set(seconds)
    return seconds
