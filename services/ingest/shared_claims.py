"""What was met before, told to all replicas: marks held here, and in PostgreSQL as far as it answers at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import TypeVar

import asyncpg

from services.runtime import logging
from services.runtime.database import FAULTS
from services.runtime.tables import claims

MOST = 100_000
SHARED_SECONDS = 0.25
log = logging.get("claims")
T = TypeVar("T")


class SharedClaims:
    """Marks of one scope. While PostgreSQL is away each replica knows its own: no sender waits for it."""

    def __init__(self, pool: Callable[[], asyncpg.Pool | None], scope: str) -> None:
        self._pool = pool
        self._scope = scope
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def held(self, account: str, marks: Collection[str]) -> set[str]:
        """Those of the marks that a replica holds. Asks PostgreSQL only for those that are not held here."""
        now = time.monotonic()
        here = {mark for mark in marks if now <= self._until.get((account, mark), 0.0)}
        rest = [mark for mark in marks if mark not in here]
        if not rest:
            return here
        nowhere: set[str] = set()
        return here | await self._shared(lambda pool: claims.held(pool, account, self._scope, rest), nowhere)

    async def hold(self, account: str, marks: Collection[str], *, by: str, seconds: float) -> None:
        """Hold marks for so long."""
        if not marks:
            return
        for mark in marks:
            self._until[account, mark] = time.monotonic() + seconds
            if len(self._until) > MOST:
                self._until.popitem(last=False)
        keep = timedelta(seconds=seconds)
        await self._shared(lambda pool: claims.hold(pool, account, self._scope, marks, by=by, keep=keep), None)

    async def _shared(self, work: Callable[[asyncpg.Pool], Awaitable[T]], otherwise: T) -> T:
        pool = self._pool()
        if pool is None:
            return otherwise
        try:
            async with asyncio.timeout(SHARED_SECONDS):
                return await work(pool)
        except FAULTS as error:
            log.debug("claims.alone", scope=self._scope, cause=f"{type(error).__name__}: {error}"[:300])
            return otherwise
