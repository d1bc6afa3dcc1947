"""Calls of unknown outcome as the worker tells of them: put in front of a person, or answered by the destination."""

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

    async def answered(self, key: Key, *, happened: bool) -> None:
        """The destination has decided, and a worker goes on with it."""
        decision = unknowns.Decision.DONE if happened else unknowns.Decision.RESEND

        async def answer() -> None:
            await unknowns.answered(self._pool, key, decision)

        await database.patiently("unknown.answered", answer, self._on_wait)
