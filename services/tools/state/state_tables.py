"""Answers from PostgreSQL: one transaction for all that a batch asks, of whatever kind.

    lock the cells that are there, in order, and read them and earlier answers → settle in Python → write cells, answers

The order makes a deadlock impossible. What was not there when it was read may be made by another worker at the same
moment: then writing it fails on its key, and the transaction is done again. So every answer is settled exactly once,
whatever crashes: before the commit nothing happened, after it a replay finds its answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import orjson

from services.flows.state import claims, counters, digests, merges, permits, rotations, storage
from services.flows.state.cells import Asked, CellContent, DeadRunFact, NeedAnswer, Stateful
from services.flows.state.ledger import Question, StateLedger
from services.runtime import database
from services.runtime.apart import apart
from services.runtime.cures import curable
from services.runtime.database import storable
from services.runtime.tables import dead_runs
from services.tools import metrics
from services.tools.need_answers import Answerers

KINDS: tuple[type[Stateful[Any]], ...] = (
    claims.ClaimKey,
    claims.SettleClaim,
    rotations.Turn,
    counters.Count,
    storage.LoadValue,
    storage.StoreValue,
    permits.Permit,
    digests.Collect,
    digests.Release,
    merges.Merge,
    merges.Stands,
)
LONGEST_NAME = 300
Connection = asyncpg.pool.PoolConnectionProxy

READ = """
with held as (
    select id, state, expires_at from state_cells where id = any ($1::uuid[]) order by id for update
)
select 'cell' as what, id, state, extract(epoch from expires_at)::float8 as at from held
union all
select 'answer', asker, answer, 0 from state_answers where asker = any ($2::uuid[])
union all
select 'now', null, null, extract(epoch from clock_timestamp())::float8
"""

WRITE = """
with
made as (
    insert into state_cells (id, account, kind, name, state, expires_at)
    select id, account, kind, name, state, to_timestamp(until)
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::json[], $6::float8[])
        as new (id, account, kind, name, state, until)
    on conflict (id) do nothing
    returning 1
),
changed as (
    update state_cells as cell set state = after.state, expires_at = to_timestamp(after.until)
    from unnest($7::uuid[], $8::json[], $9::float8[]) as after (id, state, until)
    where cell.id = after.id
    returning 1
),
emptied as (
    delete from state_cells where id = any ($10::uuid[]) returning 1
),
said as (
    insert into state_answers (asker, answer, expires_at)
    select asker, answer, to_timestamp(until)
    from unnest($11::uuid[], $12::json[], $13::float8[]) as new (asker, answer, until)
    on conflict (asker) do nothing
    returning 1
)
select (select count(*) from made) as made, (select count(*) from said) as said
"""

FREE = "delete from state_answers where asker = any ($1::uuid[])"


class _Overtaken(Exception):  # noqa: N818 - a signal inside this file
    """Another worker made a cell, or gave an answer, that was not there when this one looked."""


class StateTables:
    """Settles asks. Answers are kept `keep` for replays, at least: as long as Kafka may give a run again."""

    def __init__(self, pool: asyncpg.Pool, keep: timedelta) -> None:
        self._pool = pool
        self._keep_seconds = keep.total_seconds()

    async def answer(self, asks: Sequence[Asked]) -> list[NeedAnswer | Exception]:
        """One answer an ask, in order; an error for an ask that is a bug. Done again, it answers the same.

        Raises one of `database.FAULTS` while PostgreSQL is away: then nothing happened, or all of it did.
        """
        return await apart(asks, self._settled, _a_bug, passes=curable)

    async def _settled(self, asks: Sequence[Asked]) -> list[NeedAnswer | Exception]:
        questions = [Question.of(asked) for asked in asks]
        while True:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    ledger = await self._read(connection, questions)
                    existing = set(ledger.cells)
                    answers = ledger.settle(questions)
                    await _write(connection, ledger, existing)
                    return answers
            except _Overtaken:
                continue

    async def _read(self, connection: Connection, questions: Sequence[Question]) -> StateLedger:
        ledger = StateLedger(0.0, self._keep_seconds)
        cells = sorted({one for question in questions for one in question.ids})
        for row in await connection.fetch(READ, cells, [question.by for question in questions]):
            match row["what"]:
                case "cell":
                    ledger.cells[row["id"].hex] = CellContent(orjson.loads(row["state"]), row["at"])
                case "answer":
                    ledger.answers[row["id"].hex] = orjson.loads(row["state"])
                case _:
                    ledger.now = row["at"]
        concerned = _concerned(questions, ledger.cells)
        if concerned:
            for row in await dead_runs.known(connection, concerned):
                ledger.dead[row["run_id"]] = DeadRunFact(row["done"], row["at"])
        return ledger


async def _a_bug(_asked: Asked, error: Exception) -> NeedAnswer | Exception:
    return error


def answers(pool: asyncpg.Pool, keep: timedelta, on_wait: Callable[[], object] = lambda: None) -> Answerers:
    """Who answers needs with state in the service. Waits while PostgreSQL is away, and tells `on_wait`."""
    store = StateTables(pool, keep)

    async def answer(asks: Sequence[Asked]) -> list[NeedAnswer | Exception]:
        began = time.perf_counter()
        answers = await database.patiently("state", lambda: store.answer(asks), on_wait)
        metrics.STATE.observe(time.perf_counter() - began)
        needs = (asked.need for asked in asks)
        for label, count in Counter(need.label for need in needs if isinstance(need, Stateful)).items():
            metrics.STATE_ASKS.labels(label).inc(count)
        return answers

    return dict.fromkeys(KINDS, answer)


def _concerned(questions: Sequence[Question], cells: Mapping[str, CellContent]) -> list[str]:
    """The runs that hold what others ask for."""
    runs: set[str] = set()
    for question in questions:
        held = [cells.get(one) for one in question.ids]
        runs.update(run for run in question.need.holders(held) if run != question.asked.run_id)
    return sorted(runs)


async def _write(connection: Connection, ledger: StateLedger, existing: set[str]) -> None:
    """Keep what was settled. Raises _Overtaken when another worker was faster."""
    if ledger.void:
        await connection.execute(FREE, sorted(ledger.void))
    if ledger.replayed:
        await dead_runs.replayed(connection, ledger.replayed)
    made: list[tuple[str, str, str, str, str, float]] = []
    changed: list[tuple[str, str, float]] = []
    emptied: list[str] = []
    for one, after in sorted(ledger.changed.items()):
        if after.held is None:
            emptied.append(one)
            continue
        state, until = orjson.dumps(after.held.state).decode(), after.held.until
        if one in existing:
            changed.append((one, state, until))
        else:
            told = storable("/".join(after.cell.name))[:LONGEST_NAME]
            made.append((one, storable(after.account), after.cell.kind, told, state, until))
    said = [(asker, orjson.dumps(one.answer).decode(), one.until) for asker, one in sorted(ledger.said.items())]
    if not (made or changed or emptied or said):
        return
    done = await connection.fetchrow(WRITE, *_columns(made, 6), *_columns(changed, 3), emptied, *_columns(said, 3))
    assert done is not None  # noqa: S101 - it has no `from`
    if done["made"] < len(made) or done["said"] < len(said):
        raise _Overtaken


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
