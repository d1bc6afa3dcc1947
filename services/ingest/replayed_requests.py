"""Signed requests that were taken already: refused where a source says `replay: refuse`, by every replica."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from http import HTTPStatus

import asyncpg

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.http_problems import Refused
from services.ingest.shared_claims import SharedClaims
from services.ingest.sources.hook import Hook

SIGNING = (b"signature", b"timestamp", b"webhook-id", b"authorization")
Marks = tuple[str, ...]
SCOPE = "ingest.replay"


class ReplayedRequests:
    """What was taken within the last `keep_seconds`, or as long as a source declares its duplicates.

    Noted only after Kafka acknowledged, so that the retry after a 503 is no replay; here, and in PostgreSQL for the
    other replicas. While PostgreSQL is away they do not know of it: there the same request is a duplicate that starts
    nothing.
    """

    def __init__(self, pool: Callable[[], asyncpg.Pool | None], keep_seconds: float) -> None:
        self._claims = SharedClaims(pool, SCOPE)
        self._keep = keep_seconds

    async def check(self, hook: Hook, request: AuthRequest, proven: Proven) -> Marks:
        """The marks of this request. Raises Refused: 409 when one was taken before."""
        marks = _marks(hook.name, request, proven)
        if await self._claims.held(hook.account, marks):
            raise Refused(
                HTTPStatus.CONFLICT,
                ErrorCode.REPLAYED,
                "This very request, with its signature, was taken already. Nothing is to be done.",
            )
        return marks

    async def add(self, hook: Hook, marks: Marks) -> None:
        """It was taken."""
        keep = self._keep if hook.duplicate_seconds is None else hook.duplicate_seconds
        await self._claims.hold(hook.account, marks, by=hook.uri, seconds=keep)


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
