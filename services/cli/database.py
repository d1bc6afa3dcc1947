"""Commands that ask PostgreSQL: one connection, and a remedy instead of a stack trace when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from services.cli import place
from services.cli.terminal import CommandError
from services.runtime.database import CONNECT_SECONDS

T = TypeVar("T")


def ask(work: Callable[[asyncpg.Connection], Awaitable[T]], url: str | None = None) -> T:
    """What `work` gets from the installation's database, or that of `url`. Raises CommandError."""
    address = url or place.settings().database_url

    async def connected() -> T:
        connection = await asyncpg.connect(address, timeout=CONNECT_SECONDS)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(connected())
    except asyncpg.UndefinedTableError:
        raise CommandError("the database has no tables for this yet: flows db migrate") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandError(f"PostgreSQL: {error or 'no answer in time'}. {place.how_to_reach('PostgreSQL')}") from None
