"""Limits and breakers in PostgreSQL, by its clock: workers' clocks need not agree."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from services.runtime.tables import limits

WORKERS = "select count(distinct owner)::int from delivery_places where place like $1 || '/%'"
# Its clock may be set back: a breaker is open for 60 s at most, and tried for 30.
BREAKERS = """
select connection, open_until <= clock_timestamp() or open_until > clock_timestamp() + interval '90 seconds' as due
from breakers where connection = any ($1::text[])
"""
OPEN = """
insert into breakers as known (connection, open_until, cause) values ($1, now() + $2 * interval '1 second', $4)
on conflict (connection) do update
set opened = known.opened + 1, cause = excluded.cause,
    open_until = now() + least($3, $2 * 2 ^ least(known.opened, 10)) * interval '1 second'
where $5
returning extract(epoch from open_until - now())::float8
"""
# For its time it is this worker's turn to try one call.
PROBE = """
update breakers set open_until = clock_timestamp() + $2 * interval '1 second'
where connection = $1 and (open_until <= clock_timestamp() - $3 * interval '1 second'
    or open_until > clock_timestamp() + interval '90 seconds')
returning true
"""


class LimitsTable:
    """Each statement is one row of one connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def slots(self, connection: str, seconds: float, burst_seconds: float) -> float:
        """Lease the next free time of this length; it begins in so many seconds. Others get later ones."""
        begins = await limits.lease(self._pool, connection, seconds, burst_seconds)
        assert begins is not None  # noqa: S101 - however late
        return begins

    async def quota(self, connection: str, calls: int, most: int) -> int:
        """Lease so many calls of today's, or none when there are fewer left."""
        return await limits.quota(self._pool, connection, calls, most)

    async def pause(self, connection: str, seconds: float) -> None:
        """Nothing is to be sent for so long."""
        await limits.pause(self._pool, connection, seconds)

    async def pauses(self, connections: Sequence[str]) -> dict[str, float]:
        """Those that nothing is to be sent to, and for how long."""
        return await limits.pauses(self._pool, connections)

    async def workers(self, topic: str) -> int:
        """How many share the topic's partitions now."""
        found: int = await self._pool.fetchval(WORKERS, topic)
        return found

    async def breakers(self, connections: Sequence[str]) -> dict[str, bool]:
        """Open breakers, and whether one call may be tried."""
        return {row["connection"]: row["due"] for row in await self._pool.fetch(BREAKERS, list(connections))}

    async def open(
        self, connection: str, seconds: float, most_seconds: float, cause: str, *, again: bool
    ) -> float | None:
        """Open a breaker for so many seconds; `again`: for longer than before. None: another worker has opened it."""
        found: float | None = await self._pool.fetchval(OPEN, connection, seconds, most_seconds, cause, again)
        return found

    async def probe(self, connection: str, seconds: float, patience_seconds: float) -> bool:
        """Whether it is this worker that tries a call: if it could have been tried for so long already."""
        return bool(await self._pool.fetchval(PROBE, connection, seconds, patience_seconds))

    async def close(self, connection: str) -> None:
        """Close a breaker."""
        await self._pool.execute("delete from breakers where connection = $1", connection)
