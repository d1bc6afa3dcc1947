"""Tables change while workers work on them: they go on, none fails, and a migration makes nobody wait for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest

from contracts.actions import ActionRequest
from contracts.ids import stable_id
from contracts.runs import Run
from services.flows.outcomes import Sleep
from services.flows.state.cells import Asked
from services.flows.state.claims import ClaimKey as Once
from services.flows.state.rotations import Turn
from services.flows.sync import Write, changed
from services.flows.waiting import timer_id
from services.runtime import database
from services.runtime.kafka import OutgoingRecord
from services.runtime.tables import dead_runs, expiry
from services.tools import claims
from services.tools.claims import EventClaim
from services.tools.echoes.echo_tables import EchoTables as Echoes
from services.tools.echoes.loop_limits import LoopLimits
from services.tools.service import EXPIRING
from services.tools.state.state_tables import StateTables as State
from services.tools.timers.timer import timer_of
from services.tools.timers.timer_firing import TimerFiring
from services.tools.timers.timer_table import TimerTable as Timers
from tests.support import batches

KEEP = timedelta(hours=1)
TABLES = ("claims", "state_cells", "state_answers", "dead_runs", "timers", "echoes", "echo_aliases", "sync_ledger")


@pytest.fixture
async def pool(own_database: str) -> AsyncIterator[asyncpg.Pool]:
    """A worker's pool, on a database of its own."""
    made = await database.connect(own_database, size=8)
    yield made
    made.terminate()


class Worker:
    """An old worker: all that services/tools does with tables, again and again."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.turns = 0
        self.fired = 0
        self.slowest = 0.0

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """As Kafka."""
        self.fired += len(outputs)

    async def turn(self, number: int) -> None:
        """A batch of one event. Raises what PostgreSQL raises."""
        event = batches.event(number, data={"contact_id": "8", "name": f"n{number}", "changed": ["name"]})
        run = Run(id=stable_id("run", str(number)), flow="f", version="v", event=event, key="8", at="0")
        change = changed(event)
        assert change is not None
        request = ActionRequest(
            effect_id=stable_id("e", run.id), action="a", inputs={}, step="0", run=run, requested=event.time
        )
        await claims.claim(self.pool, "event", [EventClaim("default", event.id, str(number))], KEEP)
        asks = [Asked("default", "f", run.id, "1", 0, Once("", str(number), 60.0)), self.turn_of(run)]
        answers = await State(self.pool, KEEP).answer(asks)
        assert not any(isinstance(answer, Exception) for answer in answers)
        echoes = Echoes(self.pool, LoopLimits(most_a_minute=10_000))
        await echoes.write([(request, Write("closum", {"id": "8"}, {"name": f"n{number}"}))])
        await echoes.judge([(event, change)])
        await Timers(self.pool).set([timer_of(Sleep(run, timer_id(run.id, "0"), datetime.now(UTC), None))])
        await dead_runs.mark(self.pool, [dead_runs.DeadRunMark(run.id, 0)])
        await TimerFiring(Timers(self.pool), self, 1000).turn()
        await expiry.forget_expired(self.pool, EXPIRING)

    def turn_of(self, run: Run) -> Asked:
        """A turn in a rotation."""
        return Asked("default", "f", run.id, "2", 0, Turn("team", ("ana", "rui"), (1, 1)))

    async def run(self, numbers: Sequence[int]) -> None:
        """Until it is cancelled."""
        for number in numbers:
            began = time.monotonic()
            await self.turn(number)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.turns += 1


async def beside(pool: asyncpg.Pool, work: Callable[[], Awaitable[None]]) -> Worker:
    """Do this while three workers work; each of them must have got on after it. Raises what a worker raised."""
    worker = Worker(pool)
    tasks = [asyncio.create_task(worker.run(range(first, 10**9, 3))) for first in range(3)]
    try:
        for _ in count():
            if worker.turns > 5:
                break
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]
        await work()
        after = worker.turns + 20
        while worker.turns < after:
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return worker


async def test_old_workers_go_on_while_every_table_gets_a_column_and_an_index(
    pool: asyncpg.Pool, own_database: str
) -> None:
    """What they do not know is left out: they name each column that they read and write."""
    connection = await asyncpg.connect(own_database)

    async def change() -> None:
        for table in TABLES:
            text = f"alter table {table} add column later text not null default 'x'"
            await database.apply(connection, f"{table}.sql", text)
            await database.apply(connection, f"{table}_index.sql", f"create index {table}_later on {table} (later)")

    worker = await beside(pool, change)
    assert worker.fired > 0
    for table in TABLES:
        assert await connection.fetchval(f"select later from {table} limit 1") in ("x", None)  # noqa: S608 - our own
    await connection.close()


async def test_a_migration_that_waits_for_a_table_lets_workers_pass(pool: asyncpg.Pool, own_database: str) -> None:
    """Somebody holds the table for seconds. The migration is done when it is free, and nobody queued behind it long."""
    holder, connection = await asyncpg.connect(own_database), await asyncpg.connect(own_database)

    async def change() -> None:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("select from timers limit 1")
        migrating = asyncio.create_task(
            database.apply(connection, "later.sql", "alter table timers add column later text")
        )
        await asyncio.sleep(2.5 * database.LOCK_SECONDS)  # the time for which somebody holds it
        assert not migrating.done()
        await transaction.rollback()
        await migrating

    worker = await beside(pool, change)
    assert worker.slowest < 2.5 * database.LOCK_SECONDS
    assert await connection.fetchval("select count(later) from timers") == 0
    await holder.close()
    await connection.close()


async def test_a_migration_that_never_gets_its_table_leaves_everything_as_it_was(
    pool: asyncpg.Pool, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TRIES", 2)
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    connection = await asyncpg.connect(own_database)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("select from timers limit 1")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await database.apply(
                connection, "later.sql", "create table one (a text); alter table timers add later text"
            )
    assert await connection.fetchval("select count(*) from migrations where name = 'later.sql'") == 0
    assert await connection.fetchval("select to_regclass('one')") is None
    await connection.close()


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(own_database: str) -> None:
    """And nothing is done. One that a release applied before hashes were kept gets its hash."""
    connection = await asyncpg.connect(own_database)
    name = "0001_claims.sql"
    kept = await connection.fetchval("select hash from migrations where name = $1", name)
    await connection.execute("update migrations set hash = null where name = $1", name)
    assert await database.migrate(own_database) == []
    assert await connection.fetchval("select hash from migrations where name = $1", name) == kept
    await connection.execute("update migrations set hash = 'another' where name = $1", name)
    await connection.execute("delete from migrations where name like '0063%'")
    with pytest.raises(database.MigrationChangedError, match="0001_claims"):
        await database.migrate(own_database)
    assert await connection.fetchval("select count(*) from migrations where name like '0063%'") == 0
    await connection.close()
