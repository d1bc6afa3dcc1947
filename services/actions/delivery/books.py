"""What is written in PostgreSQL when a job ends otherwise than well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncpg

from services.actions.delivery.attempt import Failed
from services.actions.delivery.batcher import Batcher
from services.actions.delivery.job import Job, short
from services.actions.journal import unknowns
from services.actions.journal.journal import Journal
from services.runtime import database, dead_runs


class Books:
    """`on_wait` is called while PostgreSQL is away."""

    def __init__(self, journal: Journal, pool: asyncpg.Pool, on_wait: Callable[[], object]) -> None:
        self.journal = journal
        self._pool = pool
        self._on_wait = on_wait
        self._dead: Batcher[tuple[str, int], None] = Batcher(self._mark)

    async def close(self, job: Job, failed: Failed | None) -> None:
        """Before the end is published: what is unknown is kept for a person, what is dead sets its claims free."""
        request = job.request
        if failed is None or request is None or request.resume_on_error:
            return  # it went well, or the flow goes on with the error
        if failed.unknown:

            async def keep() -> None:
                await unknowns.keep(self._pool, job.effect, request, job.record, code=failed.code, cause=failed.cause)

            await database.patiently("unknown.keep", keep, self._on_wait)
        elif not failed.maybe:
            await self._dead.ask((short(request.run.id), request.run.done))

    async def _mark(self, runs: list[tuple[str, int]]) -> Sequence[None]:
        await database.patiently("deaths", lambda: dead_runs.mark(self._pool, dict(runs)), self._on_wait)
        return [None] * len(runs)
