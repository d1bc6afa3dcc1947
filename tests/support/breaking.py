"""A pool whose connections break at a chosen step: what a process meets, or leaves behind, when it dies there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg


class BreakingPool:
    """Breaks before its `at`th step; None: never. Steps are statements, and commits, which are done all the same."""

    def __init__(self, pool: asyncpg.Pool, at: int | None) -> None:
        self._pool = pool
        self._left = at

    @classmethod
    def of(cls, pool: asyncpg.Pool, at: int | None) -> asyncpg.Pool:
        """As whoever takes a pool wants it."""
        return cast("asyncpg.Pool", cls(pool, at))

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[_Connection]:
        """A connection that breaks."""
        async with self._pool.acquire() as connection:
            yield _Connection(self, connection)

    async def fetch(self, *query: Any) -> Any:
        """As a pool does it: over a connection of its own."""
        self.step()
        return await self._pool.fetch(*query)

    async def execute(self, *query: Any) -> Any:
        """As a pool does it: over a connection of its own."""
        self.step()
        return await self._pool.execute(*query)

    def step(self) -> None:
        """One step more. Raises ConnectionResetError when it is the last."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise ConnectionResetError("the process died here")


class _Connection:
    def __init__(self, pool: BreakingPool, connection: Any) -> None:
        self._pool = pool
        self._connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield
        self._pool.step()

    async def fetch(self, *query: Any) -> Any:
        self._pool.step()
        return await self._connection.fetch(*query)

    async def fetchrow(self, *query: Any) -> Any:
        self._pool.step()
        return await self._connection.fetchrow(*query)

    async def execute(self, *query: Any) -> Any:
        self._pool.step()
        return await self._connection.execute(*query)
