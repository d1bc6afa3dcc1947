"""Calls of unknown outcome as the worker tells of them: put in front of a person, whose they are from then on."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from contracts.actions import ActionRequest
from services.actions.journal import unknowns
from services.actions.journal.effects import Key
from services.actions.outcome import Failed
from services.runtime import database
from services.runtime.kafka import ConsumedRecord


class UnknownCalls:
    """Outlasts PostgreSQL's absence. `on_wait` is called while it is away."""

    def __init__(self, pool: asyncpg.Pool, on_wait: Callable[[], object]) -> None:
        self._pool = pool
        self._on_wait = on_wait

    async def keep(self, key: Key, request: ActionRequest, record: ConsumedRecord, failed: Failed) -> None:
        """A person decides. Twice is once."""

        async def keep() -> None:
            await unknowns.keep(self._pool, key, request, record, code=failed.code, cause=failed.cause)

        await database.patiently("unknown.keep", keep, self._on_wait)

    async def asked(self, key: Key) -> bool:
        """Whether a person is, who has not decided yet."""

        async def asked() -> bool:
            return await unknowns.is_open(self._pool, key)

        return await database.patiently("unknown.asked", asked, self._on_wait)
