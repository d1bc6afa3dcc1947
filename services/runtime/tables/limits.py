"""The table `limits`: rates, quotas and pauses that processes share, by PostgreSQL's clock: theirs need not agree.

A row a name: a connection of services/actions, or `source:NAME` of services/ingest.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

# Its clock may be set back by hours: what lies further ahead than anything that is ever written here is over.
LEASE = """
insert into limits as known (connection, next_at)
values ($1, clock_timestamp() + ($2::float8 - $3::float8) * interval '1 second')
on conflict (connection) do update
set next_at = case when known.next_at > clock_timestamp() + ($2 * 100 + 60) * interval '1 second' then clock_timestamp()
    else greatest(known.next_at, clock_timestamp() - $3 * interval '1 second') end + $2 * interval '1 second'
where $4::float8 is null or known.next_at <= clock_timestamp() + $4 * interval '1 second'
    or known.next_at > clock_timestamp() + ($2 * 100 + 60) * interval '1 second'
returning extract(epoch from next_at - $2 * interval '1 second' - clock_timestamp())::float8
"""
QUOTA = """
insert into limits as known (connection, next_at, day, used)
values ($1, clock_timestamp(), (now() at time zone 'utc')::date, $2)
on conflict (connection) do update
set day = excluded.day, used = case when known.day = excluded.day then known.used + $2 else $2 end
where known.day <> excluded.day or known.used + $2 <= $3
returning used
"""
PAUSE = """
insert into limits as known (connection, next_at, paused_until)
values ($1, clock_timestamp(), clock_timestamp() + $2 * interval '1 second')
on conflict (connection) do update set paused_until = greatest(known.paused_until, excluded.paused_until)
"""
PAUSES = """
select connection, extract(epoch from paused_until - clock_timestamp())::float8 as seconds
from limits where connection = any ($1::text[]) and paused_until > clock_timestamp()
    and paused_until <= clock_timestamp() + interval '61 seconds'
"""


async def lease(
    pool: asyncpg.Pool, name: str, seconds: float, burst_seconds: float, most_seconds: float | None = None
) -> float | None:
    """Lease the next free time of this length; it begins in so many seconds. Others get later ones.

    What passed unused is gone, but for `burst_seconds` of it. None, and nothing is leased: it would begin later than
    in `most_seconds`.
    """
    begins: float | None = await pool.fetchval(LEASE, name, seconds, burst_seconds, most_seconds)
    return begins


async def quota(pool: asyncpg.Pool, name: str, calls: int, most: int) -> int:
    """Lease so many calls of today's (UTC), or none when there are fewer left."""
    leased = await pool.fetchval(QUOTA, name, calls, most)
    return 0 if leased is None else calls


async def pause(pool: asyncpg.Pool, name: str, seconds: float) -> None:
    """Nothing is to be sent for so long; the longest pause counts."""
    await pool.execute(PAUSE, name, seconds)


async def pauses(pool: asyncpg.Pool, names: Sequence[str]) -> dict[str, float]:
    """Those of the names that nothing is to be sent to, and for how long."""
    return {row["connection"]: row["seconds"] for row in await pool.fetch(PAUSES, list(names))}
