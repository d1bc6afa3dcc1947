"""Every kind of state has its end: whatever table grows, somebody deletes what is over."""

from __future__ import annotations

import pytest

from services.ingest import event_ends, refusal_counts
from services.ingest.settings import IngestSettings
from services.runtime import database
from services.runtime.dead_letters import decisions
from services.runtime.tables import claims, expiry
from services.runtime.tables.effects import EXPIRING
from services.runtime.tables.expiry import Expiring
from services.tools import service
from services.tools.state.state_tables import Connection

# Tables without a time of their own, and why they do not grow for ever.
BOUNDED = {
    "migrations": "a row a migration",
    "timers": "a wait ends, at the latest after ten years; the row goes with it",
    "flow_versions": "a row each content of a flow that was ever deployed",
    "deployments": "a row a deployment",
    "ingest_permits": "a row a source; of 0.2 and earlier",
    "schedules": "a row a schedule",
    "polls": "a row a poll",
    "delivery_places": "a row a partition",
    "unknown_effects": "a person decides about each",
    "parked": "a request is delivered or dies within the time of its retries",
    "limits": "a row a connection or source",
    "breakers": "a row a connection",
    "audit": "a row a decision of a person",
    "given_secrets": "a row a source that is given its secret",
    "timer_cancels": "a row an event that can end a wait; it goes with the wait",
}
RENEWED = {"oauth_tokens": "a row a client; its time is that of the token"}
COLUMNS = """
select table_name, column_name, data_type from information_schema.columns
where table_schema = 'public' order by table_name, ordinal_position
"""
VALUES = {
    "text": "n::text",
    "uuid": "lpad(n::text, 32, '0')::uuid",
    "json": "'{}'",
    "jsonb": "'{}'",
    "bytea": "''",
    "boolean": "false",
    "integer": "n",
    "bigint": "n",
    "double precision": "n",
    "timestamp with time zone": "now() - interval '1 year'",
    "date": "current_date",
}


async def columns(connection: Connection) -> dict[str, list[str]]:
    """By table: the columns, each with its type."""
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(COLUMNS):
        found.setdefault(row["table_name"], []).append(f"{row['column_name']} {row['data_type']}")
    return found


async def fill(connection: Connection, table: str, numbers: range) -> None:
    """Rows that are over, with everything made from a number."""
    its = (await columns(connection))[table]
    values = ", ".join(VALUES[column.partition(" ")[2]] for column in its)
    rows = f"generate_series({numbers.start}, {numbers.stop - 1}) as n"
    await connection.execute(f"insert into {table} select {values} from {rows}")  # noqa: S608 - names of our tables


async def test_what_is_over_is_deleted_from_every_table(own_database: str) -> None:
    """A table with a time of its own that nobody clears is found here; one without needs a reason above."""
    pool = await database.connect(own_database)
    async with pool.acquire() as connection:
        tables = await columns(connection)
        cleared = {name for name, its in tables.items() if any(one.startswith("expires_at ") for one in its)}
        cleared = cleared - RENEWED.keys() | {"event_ends", "refusals"}
        assert tables.keys() - cleared - RENEWED.keys() == BOUNDED.keys()
        for name in cleared:
            await fill(connection, name, range(3))
        await decisions.decide(connection, [], "dropped", "", who="a test")
    assert [await expiry.forget_expired(pool, (claims.EXPIRING,), 2) for _ in range(3)] == [[2], [1], [0]]
    ends = event_ends.expiring(IngestSettings(ends_keep_days=30))
    left_to = (*service.EXPIRING, EXPIRING, ends, refusal_counts.EXPIRING)
    assert await expiry.forget_expired(pool, left_to) == [0] + [3] * (len(left_to) - 1)
    left = [name for name in cleared if await pool.fetchval(f"select count(*) from {name}")]  # noqa: S608 - the same
    assert left == []
    await pool.close()


@pytest.mark.parametrize("expiring", service.EXPIRING, ids=lambda one: one.table)
async def test_a_table_stays_flat_while_rows_come_and_go(expiring: Expiring, own_database: str) -> None:
    """Fifteen times as many rows as it holds at a time take no more room than a few of those times."""
    pool = await database.connect(own_database, size=2)
    sizes, table = [], expiring.table
    async with pool.acquire() as connection:
        for turn in range(15):
            await fill(connection, table, range(1000 * turn, 1000 * (turn + 1)))
            assert await expiry.forget_expired(pool, (expiring,)) == [1000]
            await connection.execute(f"vacuum {table}")  # as autovacuum does it
            sizes.append(await connection.fetchval("select pg_total_relation_size($1::regclass)", table))
    await pool.close()
    assert max(sizes) < 2 * sizes[2]
