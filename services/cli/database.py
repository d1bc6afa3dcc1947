"""Commands that ask PostgreSQL: one connection, and a remedy instead of a stack trace when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from services.cli import installation
from services.cli.terminal import CommandError
from services.runtime.database import CONNECT_SECONDS

T = TypeVar("T")


@asynccontextmanager
async def connected(url: str | None = None) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the installation's database, or that of `url`. Raises CommandError for what a person can mend."""
    try:
        connection = await asyncpg.connect(url or installation.settings().database_url, timeout=CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        raise CommandError("the database has no tables for this yet: flows db migrate") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise installation.unanswered("PostgreSQL", error) from None


def ask(work: Callable[[asyncpg.Connection], Awaitable[T]], url: str | None = None) -> T:
    """What `work` gets over a connection of its own. Raises CommandError."""

    async def asked() -> T:
        async with connected(url) as connection:
            return await work(connection)

    return asyncio.run(asked())
