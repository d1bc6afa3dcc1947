"""Requests a second of a source, shared by all replicas: permits are leased from PostgreSQL in blocks.

A replica takes a twentieth of a second's permits at a time, so that the hot path asks PostgreSQL at most twenty times a
second and replica. A source that was silent may send a second's requests at once. While PostgreSQL is away each replica
counts for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus

import asyncpg

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused
from services.runtime.database import FAULTS
from services.runtime.tables import limits

BLOCKS = 20
LEASE_SECONDS = 0.25
ALONE_SECONDS = 1.0
"""While PostgreSQL is away: so long lasts what a replica gives itself, a second's permits."""


class SourceLimit:
    """One source's limit in this process."""

    def __init__(
        self,
        source: str,
        per_second: int,
        pool: Callable[[], asyncpg.Pool | None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = f"source:{source}"
        self._rate = per_second
        self._block = max(1, per_second // BLOCKS)
        self._pool = pool
        self._now = now
        self._here = 0
        self._gone_until = 0.0
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """One permit. Raises Refused: 429 when there is none now."""
        if self._took():
            return
        async with self._lock:
            if not self._took():
                await self._lease()
                if not self._took():
                    raise self._refused()

    def _took(self) -> bool:
        """Take one that is here. Raises Refused when nobody has any at this moment."""
        if self._here:
            self._here -= 1
            return True
        if self._now() < self._gone_until:
            raise self._refused()
        return False

    async def _lease(self) -> None:
        pool, seconds = self._pool(), self._block / self._rate
        try:
            if pool is None:
                raise ConnectionError
            async with asyncio.timeout(LEASE_SECONDS):
                begins = await limits.lease(pool, self._name, seconds, 1 - seconds, most_seconds=0)
        except FAULTS:
            self._here, self._gone_until = self._rate, self._now() + ALONE_SECONDS
            return
        if begins is None:
            self._gone_until = self._now() + seconds
        else:
            self._here = self._block

    def _refused(self) -> Refused:
        return Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            ErrorCode.RATE_LIMITED,
            f"This source may send {self._rate} requests a second. Send the same request again after a moment.",
            headers={"Retry-After": "1"},
        )
