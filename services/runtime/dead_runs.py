"""Runs that ended as dead. Who writes the end of a run marks it, so that what the run claimed for nothing is free."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import asyncpg

MARK = """
insert into dead_runs (run_id, done, died_at, expires_at)
select run_id, done, clock_timestamp(), now() + interval '366 days'
from unnest($1::text[], $2::integer[]) as dead (run_id, done) order by run_id
on conflict (run_id) do update set done = excluded.done, died_at = excluded.died_at, expires_at = excluded.expires_at
"""


async def mark(pool: asyncpg.Pool, runs: Mapping[str, int]) -> None:
    """These runs are dead, each after so many calls that were done. Twice is once.

    Not for a run whose last call may have had its effect: what it claimed must stay claimed.
    """
    if runs:
        await pool.execute(MARK, list(runs), list(runs.values()))


async def revive(pool: asyncpg.Pool, runs: Collection[str]) -> None:
    """These runs go on after all: to be called before a dead letter is redriven."""
    if runs:
        await pool.execute("delete from dead_runs where run_id = any ($1::text[])", sorted(runs))
