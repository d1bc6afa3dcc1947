"""Runs that ended as dead, so that what such a run claimed for nothing is free.

A row outlives the run's return to life: then `done` is -1, and a mark that is older than that changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.runtime.database import short
from services.runtime.tables.effects import MAY_HAVE_HAPPENED
from services.runtime.tables.expiry import Expiring

ALIVE = -1
EXPIRING = Expiring("dead_runs")

# The clock that `at` was read from may be behind that of PostgreSQL, which dates claims.
MARK = f"""
insert into dead_runs as known (run_id, done, died_at, expires_at)
select run_id, done, least(coalesce(at + interval '5 seconds', now), now), now + interval '366 days'
from unnest($1::text[], $2::integer[], $3::timestamptz[], $4::text[], $5::text[])
    as dead (run_id, done, at, account, effect_id), clock_timestamp() as now
where not exists (
    select from effects as effect where effect.account = dead.account and effect.effect_id = dead.effect_id
    and ({MAY_HAVE_HAPPENED})
)
order by run_id
on conflict (run_id) do update set done = excluded.done, died_at = excluded.died_at, expires_at = excluded.expires_at
where excluded.died_at > known.died_at
"""  # noqa: S608 - our own text

REVIVE = f"""
insert into dead_runs (run_id, done, died_at, expires_at)
select run_id, {ALIVE}, now, now + interval '366 days'
from unnest($1::text[]) as alive (run_id), clock_timestamp() as now order by run_id
on conflict (run_id) do update set done = excluded.done, died_at = excluded.died_at, expires_at = excluded.expires_at
"""  # noqa: S608 - our own number

KNOWN = "select run_id, done, extract(epoch from died_at)::float8 as at from dead_runs where run_id = any ($1::text[])"
REPLAYED = f"""
update dead_runs set done = {ALIVE}, died_at = clock_timestamp() where run_id = any ($1::text[])
"""  # noqa: S608 - our own number


class DeadRunMark(NamedTuple):
    """A run that ended as dead: after so many calls that were done, and when; None: now.

    `account` and `effect_id` are those of the call that it died of, if it was one.
    """

    run_id: str
    done: int
    at: datetime | None = None
    account: str | None = None
    effect_id: str | None = None


async def mark(pool: asyncpg.Pool, deaths: Iterable[DeadRunMark]) -> None:
    """These runs are dead. Twice is once.

    But for one whose last call may have had its effect, in whichever attempt, as the journal says: what such a run
    claimed stays claimed.
    """
    if last := {death.run_id: death for death in deaths}:
        rows = [death._replace(account=death.account and short(death.account)) for death in last.values()]
        await pool.execute(MARK, *(list(column) for column in zip(*rows, strict=True)))


async def revive(pool: asyncpg.Pool, runs: Collection[str]) -> None:
    """These runs go on after all: to be called before a dead letter is redriven."""
    if runs:
        await pool.execute(REVIVE, sorted(set(runs)))


async def known(connection: PoolConnectionProxy, runs: Sequence[str]) -> list[asyncpg.Record]:
    """Those of the runs that have a row: `run_id`, `done`, and `at`, when they died or came to life, in seconds."""
    found: list[asyncpg.Record] = await connection.fetch(KNOWN, runs)
    return found


async def replayed(connection: PoolConnectionProxy, runs: Collection[str]) -> None:
    """These runs, which have a row, were seen alive."""
    await connection.execute(REPLAYED, sorted(runs))
