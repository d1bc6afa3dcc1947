"""PostgreSQL as services use it: migrated once by whoever comes first, waited for while it is away."""

from __future__ import annotations

import asyncio
from unittest.mock import patch
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client import REGISTRY

from deploy.local import PostgresServer
from services.runtime import back_off, database


@pytest.fixture
async def fresh_url(database_url: str, topic_prefix: str) -> str:
    """A database of the test's own, empty. It goes with the server."""
    name = f"fresh_{topic_prefix.rstrip('.')}"
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"create database {name}")
    await connection.close()
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


async def test_many_that_migrate_at_once_apply_each_migration_once(fresh_url: str) -> None:
    applied = await asyncio.gather(*(database.migrate(fresh_url) for _ in range(4)))
    names = [name for each in applied for name in each]
    assert "0001_claims.sql" in names
    assert len(names) == len(set(names))
    assert await database.migrate(fresh_url) == []


async def test_a_pool_answers_or_raises_what_is_waited_for(postgres_server: PostgresServer) -> None:
    """A pool outlives its server: it answers again when that is back."""
    pool = await database.connect(postgres_server.url)
    await database.answers(pool)
    await asyncio.to_thread(postgres_server.kill)
    try:
        with pytest.raises(database.FAULTS):
            await database.answers(pool)
        with pytest.raises(database.FAULTS):
            await database.connect(postgres_server.url)
    finally:
        await asyncio.to_thread(postgres_server.start)
    await database.patiently("a test", lambda: database.answers(pool))
    await pool.close()


async def test_a_statement_of_a_pool_is_the_only_one_and_what_was_begun_is_not_left(database_url: str) -> None:
    pool = await database.connect(database_url, size=1)
    seen: list[str] = []
    async with pool.acquire() as connection:
        connection.add_query_logger(lambda query: seen.append(query.query))
    await pool.fetch("select 1")
    await pool.execute("select 2")
    async with pool.acquire() as connection:
        await connection.execute("begin")
    await pool.close()
    assert seen == ["select 1", "select 2", "begin", "ROLLBACK"]


async def test_patience_tries_again_counts_and_tells() -> None:
    faults: list[Exception] = [ConnectionRefusedError(), TimeoutError(), asyncpg.InterfaceError("closed")]
    waits: list[int] = []
    before = REGISTRY.get_sample_value("flows_waits_total", {"part": "postgresql"}) or 0

    async def work() -> str:
        if faults:
            raise faults.pop()
        return "done"

    with patch.object(back_off, "LONGEST_SECONDS", 0.001):
        assert await database.patiently("a test", work, lambda: waits.append(1)) == "done"
    assert len(waits) == 3
    assert REGISTRY.get_sample_value("flows_waits_total", {"part": "postgresql"}) == before + 3


async def test_what_is_no_fault_of_postgresql_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.patiently("a test", work)
