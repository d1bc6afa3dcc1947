"""A service that starts before its PostgreSQL waits for it; one that is refused says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local import PostgresServer
from services.runtime import back_off, database, lifecycle
from services.runtime.settings import SettingsError

SECONDS = 30


@contextlib.asynccontextmanager
async def waiting(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[asyncpg.Pool]]:
    """A service's connect at start, after it was refused at least once."""
    monkeypatch.setattr(back_off, "LONGEST_SECONDS", 0.02)
    refused = asyncio.Event()

    async def connect() -> asyncpg.Pool:
        try:
            return await database.connect(url)
        except BaseException:
            refused.set()
            raise

    task = asyncio.create_task(lifecycle.patiently("PostgreSQL", connect, asyncio.Event()))
    try:
        await asyncio.wait_for(refused.wait(), SECONDS)
        assert not task.done()
        yield task
        pool = await asyncio.wait_for(task, SECONDS)
        assert await pool.fetchval("select 1") == 1
        await pool.close()
    finally:
        task.cancel()


async def test_it_waits_while_the_server_is_down_and_while_it_starts(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every error between a killed server and one that answers is waited for: refused, starting up, recovering."""
    await asyncio.to_thread(postgres_server.kill)
    async with waiting(postgres_server.url, monkeypatch):
        await asyncio.to_thread(postgres_server.start)


async def test_it_waits_for_a_database_that_is_made_later(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets up the server may come after us."""
    url = urlsplit(postgres_server.url)._replace(path="/later").geturl()
    async with waiting(url, monkeypatch):
        connection = await asyncpg.connect(postgres_server.url)
        await connection.execute("create database later")
        await connection.close()


async def test_a_user_that_the_server_refuses_is_a_wrong_setting(postgres_server: PostgresServer) -> None:
    """Waiting would not help: the text names the variable, and not the password."""
    parts = urlsplit(postgres_server.url)
    url = parts._replace(netloc=f"nobody:hunter2@{parts.hostname}:{parts.port}").geturl()
    with pytest.raises(SettingsError, match=r"DATABASE_URL: .*nobody") as caught:
        await lifecycle.patiently("PostgreSQL", lambda: database.connect(url), asyncio.Event())
    assert "hunter2" not in str(caught.value)
