"""PostgreSQL as ingest needs it, for limits, schedules, look-ups. It may be away: never in the way of events."""

from __future__ import annotations

from http import HTTPStatus

import asyncpg

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused
from services.runtime import database, logging
from services.runtime.back_off import BackOff

log = logging.get("database")


class Database:
    """A pool that is there, or is not yet."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None

    @property
    def pool(self) -> asyncpg.Pool | None:
        """The pool; None until PostgreSQL has answered once."""
        return self._pool

    def required(self) -> asyncpg.Pool:
        """The pool. Raises Refused: 503."""
        if self._pool is None:
            raise unavailable()
        return self._pool

    async def connect(self) -> asyncpg.Pool:
        """Wait for PostgreSQL, for ever; once connected, the pool itself finds it again."""
        told, back_off = False, BackOff()
        while self._pool is None:
            try:
                self._pool = await database.connect(self._url)
            except database.FAULTS as error:
                if not told:
                    told = True
                    log.warning("database.lost", cause=f"{type(error).__name__}: {error}"[:300])
                await back_off.wait()
        return self._pool

    def close(self) -> None:
        """Drop the connections: nothing of ours is left half done by it."""
        if self._pool is not None:
            self._pool.terminate()


def unavailable() -> Refused:
    """The 503 of what cannot do without PostgreSQL."""
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.DATABASE_UNAVAILABLE,
        "PostgreSQL does not answer. Ask again later; events are taken meanwhile.",
        headers={"Retry-After": "5"},
    )
