"""Signed requests that were taken already: refused where a source says `replay: refuse`, by every replica."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import blake2b
from http import HTTPStatus

import asyncpg

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.http_problems import Refused
from services.ingest.sources.hook import Hook
from services.runtime import logging
from services.runtime.database import FAULTS
from services.runtime.tables import claims

MOST = 100_000
SIGNING = (b"signature", b"timestamp", b"webhook-id", b"authorization")
SHARED_SECONDS = 0.25
Marks = tuple[str, ...]
SCOPE = "ingest.replay"
log = logging.get("replays")


class ReplayedRequests:
    """What was taken within the last `keep_seconds`, or as long as a source declares its duplicates.

    Noted only after Kafka acknowledged, so that the retry after a 503 is no replay; here, and in PostgreSQL for the
    other replicas. While PostgreSQL is away they do not know of it: there the same request is a duplicate that starts
    nothing.
    """

    def __init__(self, pool: Callable[[], asyncpg.Pool | None], keep_seconds: float) -> None:
        self._pool = pool
        self._keep = keep_seconds
        self._until: OrderedDict[str, float] = OrderedDict()

    async def check(self, hook: Hook, request: AuthRequest, proven: Proven) -> Marks:
        """The marks of this request. Raises Refused: 409 when one was taken before."""
        marks = _marks(hook.name, request, proven)
        here = any(time.monotonic() <= self._until.get(mark, 0.0) for mark in marks)
        if here or await self._shared(lambda pool: claims.held(pool, hook.account, SCOPE, marks)):
            raise Refused(
                HTTPStatus.CONFLICT,
                ErrorCode.REPLAYED,
                "This very request, with its signature, was taken already. Nothing is to be done.",
            )
        return marks

    async def add(self, hook: Hook, marks: Marks) -> None:
        """It was taken."""
        keep = self._keep if hook.duplicate_seconds is None else hook.duplicate_seconds
        for mark in marks:
            self._until[mark] = time.monotonic() + keep
            if len(self._until) > MOST:
                self._until.popitem(last=False)
        time_kept = timedelta(seconds=keep)
        await self._shared(lambda pool: claims.hold(pool, hook.account, SCOPE, marks, by=hook.uri, keep=time_kept))

    async def _shared(self, work: Callable[[asyncpg.Pool], Awaitable[set[str] | None]]) -> bool:
        """Whether PostgreSQL knows; False while it is away, so that no sender waits for it."""
        pool = self._pool()
        if pool is None:
            return False
        try:
            async with asyncio.timeout(SHARED_SECONDS):
                return bool(await work(pool))
        except FAULTS as error:
            log.debug("replays.alone", cause=f"{type(error).__name__}: {error}"[:300])
            return False


def _marks(source: str, request: AuthRequest, proven: Proven) -> Marks:
    """Of what was signed, where something was: what stands around it can be changed by whoever sends it again."""
    if proven.marks:
        signed = (blake2b(source.encode() + b"\0signed\0" + mark, digest_size=16) for mark in sorted(proven.marks))
        return tuple(digest.hexdigest() for digest in signed)
    digest = blake2b(source.encode(), digest_size=16)
    for name, value in sorted(request.headers.items()):
        if any(part in name for part in SIGNING):
            digest.update(name + b"\0" + value + b"\0")
    digest.update(request.body)
    return (digest.hexdigest(),)
