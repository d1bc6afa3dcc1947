"""Statements stay fast whatever their tables grow to, though their plans were made while the tables were empty."""

from __future__ import annotations

import importlib
import pkgutil
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

import services
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
