"""Requests a second of a source, shared by all replicas: permits are leased from PostgreSQL in blocks.

A second's permits are counted in one row a source. A replica takes a twentieth of them at a time, so that the hot path
asks PostgreSQL at most twenty times a second and replica. While PostgreSQL is away each replica counts for itself.
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

BLOCKS = 20
LEASE_SECONDS = 0.25
LEASE = """
insert into ingest_permits as held (source, second, taken) values ($1, $2, $3)
on conflict (source) do update set
    taken = case when held.second < excluded.second then excluded.taken else held.taken + excluded.taken end,
    second = greatest(held.second, excluded.second)
returning taken
"""


class SourceLimit:
    """One source's limit in this process."""

    def __init__(
        self,
        source: str,
        per_second: int,
        pool: Callable[[], asyncpg.Pool | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._rate = per_second
        self._block = max(1, per_second // BLOCKS)
        self._pool = pool
        self._now = now
        self._second = 0
        self._here = 0
        self._gone = False
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """One permit. Raises Refused: 429 when this second has no more."""
        if self._took():
            return
        async with self._lock:
            if not self._took():
                await self._lease()
                if not self._took():
                    raise self._refused()

    def _took(self) -> bool:
        """Take one that is here. Raises Refused when nobody has any more in this second."""
        second = int(self._now())
        if second != self._second:
            self._second, self._here, self._gone = second, 0, False
        if self._here:
            self._here -= 1
            return True
        if self._gone:
            raise self._refused()
        return False

    async def _lease(self) -> None:
        pool, second = self._pool(), self._second
        try:
            if pool is None:
                raise ConnectionError
            async with asyncio.timeout(LEASE_SECONDS):
                row = await pool.fetchrow(LEASE, self._source, second, self._block)
            # Clocks differ: whoever is behind counts in the second of whoever is ahead.
            taken = row["taken"] if row else self._rate + self._block
            granted = min(self._block, self._rate - (taken - self._block))
        except FAULTS:
            granted = self._rate
            self._gone = True
        if second == self._second:
            self._here = max(0, granted)
            self._gone = self._gone or granted < self._block

    def _refused(self) -> Refused:
        return Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            ErrorCode.RATE_LIMITED,
            f"This source may send {self._rate} requests a second. Send the same request again after a moment.",
            headers={"Retry-After": "1"},
        )
