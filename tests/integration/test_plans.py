"""Statements stay fast whatever their tables grow to, though their plans were made while the tables were empty."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import pkgutil
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import services
from services.actions.queue.parked_table import ParkedTable
from services.runtime import database

STATEMENT = re.compile(r"\s*(select|insert|update|delete|with)\b")
ROOMS = ("actions", "ingest", "runtime", "tools")
ROWS = 3_000
FEW = 10
WHOLE = {
    "services.actions.limits.limits_table.WORKERS",  # a row a partition
    "services.actions.journal.unknowns.FIND",  # for a person, of what persons have to decide
    "services.actions.journal.unknowns.LIST",
    "services.tools.echoes.entity_changes.SYSTEMS",  # for a person at the command line, over a connection of its own
    "services.tools.timers.waits.FIND",
    "services.tools.timers.waits.MOVE",
}
"""Those that may read their whole table."""
VALUES: dict[str, Any] = {
    "text": "x",
    "varchar": "x",
    "uuid": uuid.UUID(int=1),
    "int8": 1,
    "int4": 1,
    "float8": 1.0,
    "numeric": 1,
    "bool": True,
    "bytea": b"x",
    "json": "{}",
    "jsonb": "{}",
    "date": date(2026, 1, 1),
    "timestamptz": datetime(2026, 1, 1, tzinfo=UTC),
    "interval": timedelta(seconds=1),
}
"""One value of each type, for parameters."""
COLUMNS = {
    "text": "md5(n::text)",
    "uuid": "md5(n::text)::uuid",
    "bytea": "md5(n::text)::bytea",
    "json": "'{}'::json",
    "jsonb": "'{}'::jsonb",
    "boolean": "false",
    "date": "date '2026-01-01'",
    "timestamp with time zone": "now() + n * interval '1 second'",
}
"""How a column of each type is filled; others get the number."""


def statements() -> Iterator[tuple[str, str]]:
    """Every statement with parameters that a module of ours names, with where it stands."""
    for room in ROOMS:
        package = importlib.import_module(f"{services.__name__}.{room}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(found.name)).items():
                if name.isupper() and isinstance(value, str) and STATEMENT.match(value) and "$1" in value:
                    yield f"{found.name}.{name}", value.replace("{table}", "claims").replace("{column}", "expires_at")


async def filled(connection: asyncpg.Connection) -> None:
    """Put rows into every table."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in await connection.fetch(
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
        " and table_name <> 'migrations' and is_generated = 'NEVER' and is_identity = 'NO'"
    ):
        columns.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    for table, its in columns.items():
        names = ", ".join(f'"{name}"' for name, _ in its)
        values = ", ".join(COLUMNS.get(kind, "n") for _, kind in its)
        await connection.execute(
            f"insert into {table} ({names}) select {values} from generate_series(1, {ROWS}) as n"  # noqa: S608 - ours
        )


async def test_no_statement_reads_a_whole_table(own_database: str) -> None:
    """By the server's own count, in scans and through indexes, with plans from when all tables were empty."""
    beside = await asyncpg.connect(own_database)
    pool = await database.connect(own_database, size=1)
    prepared, greedy = [], {}
    async with pool.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")  # else the first five are planned anew
        for name, text in statements():
            statement = await connection.prepare(text)
            given = [
                [VALUES[one.name.removesuffix("[]")]] if one.kind == "array" else VALUES[one.name]
                for one in statement.get_parameters()
            ]
            prepared.append((name, statement, given))
            await undone(connection, statement, given)
        await filled(beside)
        before = await read(connection, beside)
        for name, statement, given in prepared:
            await undone(connection, statement, given)
            after = await read(connection, beside)
            if (count := after - before) > FEW and name not in WHOLE:
                greedy[name] = count
            before = after
    await pool.close()
    await beside.close()
    assert len(prepared) > 40
    assert greedy == {}


async def test_what_waits_for_a_connection_is_found_without_reading_all_of_it(own_database: str) -> None:
    """A partition that is taken over waits for this, and so do the healthy calls of it."""
    beside = await asyncpg.connect(own_database)
    pool = await database.connect(own_database, size=1)
    table = ParkedTable(pool)
    try:
        await beside.execute(
            "insert into parked (place, lane, position, due_at, attempts, began_at, value, headers, connection)"
            " select 'a/0', md5(n::text), n, now(), 0, now(), '', '', case when n % 3 = 0 then 'books' else 'crm' end"
            " from generate_series(1, $1) as n",
            ROWS,
        )
        await beside.execute("analyze parked")
        async with pool.acquire() as connection:
            before = await read(connection, beside)
        assert await table.connections("a/0") == ["books", "crm"]
        assert await table.newest("a/0", "crm", 2) == [md5(2_999), md5(2_998)]
        assert await table.late(["a/0"], 0.0, 2) == []
        assert await table.heads("a/0") == []
        async with pool.acquire() as connection:
            assert await read(connection, beside) - before <= FEW
    finally:
        await pool.close()
        await beside.close()


async def test_what_reads_all_of_a_partition_may_take_longer_than_other_statements(own_database: str) -> None:
    """Where millions wait it takes seconds, and more on a busy server: ended and begun anew, it would never answer."""
    beside = await asyncpg.connect(own_database)
    pool = await asyncpg.create_pool(own_database, min_size=3, max_size=3, command_timeout=0.2)
    table = ParkedTable(pool)
    try:
        async with beside.transaction():
            await beside.execute("lock table parked in access exclusive mode")
            waiting = [asyncio.create_task(one) for one in (table.heads("a/0"), table.count("a/0"))]
            with pytest.raises(TimeoutError):
                await table.connections("a/0")
            done, _ = await asyncio.wait(waiting, timeout=0.4)
            assert not done
        assert await asyncio.gather(*waiting) == [[], 0]
    finally:
        await pool.close()
        await beside.close()


def md5(number: int) -> str:
    """As PostgreSQL makes it of a number."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


async def undone(connection: Any, statement: Any, given: list[Any]) -> None:
    """Do it, and take it back."""
    transaction = connection.transaction()
    await transaction.start()
    await statement.fetch(*given)
    await transaction.rollback()


async def read(connection: Any, beside: asyncpg.Connection) -> int:
    """How many rows the connection has read so far."""
    await connection.execute("select pg_stat_force_next_flush()")
    count: int = await beside.fetchval(
        "select sum(seq_tup_read)::int + (select sum(idx_tup_read)::int from pg_stat_user_indexes)"
        " from pg_stat_user_tables"
    )
    return count
