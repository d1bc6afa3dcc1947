"""What is written in PostgreSQL about a job beside its effect's state."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from services.actions.delivery.attempt import Done, Failed
from services.actions.delivery.job import Job
from services.actions.journal import unknowns
from services.actions.journal.journal import Journal
from services.runtime import database


class Books:
    """`on_wait` is called while PostgreSQL is away."""

    def __init__(self, journal: Journal, pool: asyncpg.Pool, on_wait: Callable[[], object]) -> None:
        self.journal = journal
        self._pool = pool
        self._on_wait = on_wait

    async def answered(self, job: Job, outcome: Done | Failed) -> None:
        """The destination has said what came of a call: no person need decide any more."""
        if isinstance(outcome, Failed) and outcome.unknown:
            return
        decision = unknowns.Decision.DONE if isinstance(outcome, Done) else unknowns.Decision.RESEND

        async def answer() -> None:
            await unknowns.answered(self._pool, job.effect, decision)

        await database.patiently("unknown.answered", answer, self._on_wait)

    async def close(self, job: Job, failed: Failed | None) -> None:
        """Before the end is published: what is unknown is kept for a person, unless the flow goes on with the error."""
        request = job.request
        if failed is None or not failed.unknown or request is None or request.resume_on_error:
            return

        async def keep() -> None:
            await unknowns.keep(self._pool, job.effect, request, job.record, code=failed.code, cause=failed.cause)

        await database.patiently("unknown.keep", keep, self._on_wait)
