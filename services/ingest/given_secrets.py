"""The secrets that senders gave in their handshakes: in PostgreSQL, sealed, for all replicas and over restarts.

A source takes the first secret by itself. Another one would let a stranger sign as its sender, so it is taken only
while the source says that it waits for one (`handshake_until`); those that are there go on being good, as one address
can have several webhooks. One that comes again is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from services.ingest.auth.given_secret import GivenSecret
from services.ingest.auth.scheme import AuthRequest, Proven, same
from services.ingest.database import Database, unavailable
from services.ingest.http_problems import Refused
from services.ingest.responses import Response
from services.ingest.sources.hook import Hook
from services.runtime import logging
from services.runtime.database import FAULTS

LOOK_SECONDS = 1.0
"""At most so often is looked whether another replica was given a secret that would prove a request."""
MOST = 100
log = logging.get("secrets")

SELECT = "select sealed from given_secrets where source = $1 order by given_at desc, digest limit $2"
# The lock is of the source: of two first ones that come at once to two replicas only one is the first.
LOCK = "select pg_advisory_xact_lock(hashtextextended('given_secrets ' || $1, 0))"
INSERT = """
insert into given_secrets (source, digest, sealed)
select $1, $2, $3 where $4 or not exists (select from given_secrets where source = $1)
on conflict do nothing returning 1
"""


class SecretRows(Protocol):
    """Where they stand. Both raise one of FAULTS, or Refused: 503."""

    async def all(self, source: str) -> list[bytes]:
        """Sealed, the newest first."""
        ...

    async def add(self, source: str, digest: str, sealed: bytes, *, beside: bool) -> bool:
        """Whether it was added: it is the first, or may stand `beside` others."""
        ...


class GivenSecretTable:
    """The table."""

    def __init__(self, data: Database) -> None:
        self._data = data

    async def all(self, source: str) -> list[bytes]:
        """See SecretRows."""
        return [bytes(row["sealed"]) for row in await self._data.required().fetch(SELECT, source, MOST)]

    async def add(self, source: str, digest: str, sealed: bytes, *, beside: bool) -> bool:
        """See SecretRows."""
        async with self._data.required().acquire() as connection, connection.transaction():
            await connection.execute(LOCK, source)
            return await connection.fetchval(INSERT, source, digest, sealed, beside) is not None


@dataclass(frozen=True)
class _Known:
    """What was read of a source's secrets. `sealed`: how many there are, also those that cannot be opened."""

    secrets: tuple[bytes, ...]
    sealed: int
    read: float


class GivenSecrets:
    """Those of all sources, as far as this process has read them."""

    def __init__(self, rows: SecretRows, now: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._now = now
        self._known: dict[str, _Known] = {}

    async def handshake(self, hook: Hook, proof: GivenSecret, request: AuthRequest) -> Response | None:
        """The answer to a request that gives a secret: the same header; None when it brings an event.

        Raises Refused: 403 while the source waits for none, 503 while PostgreSQL is away.
        """
        secret = proof.given(request)
        if secret is None:
            return None
        known = self._known.get(hook.name)
        if known is None or not same(secret, known.secrets):
            try:
                await self._take(hook, proof, secret, datetime.fromtimestamp(request.now, UTC))
            except FAULTS:
                raise unavailable() from None
        return Response(HTTPStatus.OK, b"", None, [(proof.header.lower().encode(), secret)])

    async def _take(self, hook: Hook, proof: GivenSecret, secret: bytes, moment: datetime) -> None:
        waits = proof.waits(moment)
        digest = stable_id(hook.name, "given", secret)
        added = await self._rows.add(hook.name, digest, proof.sealed(secret), beside=waits)
        known = await self._load(hook.name, proof)
        if added:
            log.info("secret.given", source=hook.name, secrets=len(known.secrets))
        elif not same(secret, known.secrets):
            log.warning("secret.not_taken", source=hook.name, cause="the source has one, and waits for no other")
            raise Refused(
                HTTPStatus.FORBIDDEN,
                ErrorCode.UNAUTHENTICATED,
                "This source has its sender's secret already. For another webhook whoever runs it sets "
                "`handshake_until:` in its authentication to a moment that is to come.",
            )

    async def check(self, hook: Hook, proof: GivenSecret, request: AuthRequest) -> Proven:
        """The proof by one of the secrets. Raises Refused: 401; 503 while none can be read."""
        known = await self._read(hook.name, proof)
        try:
            return proof.knowing(known.secrets).check(request)
        except Refused:
            if self._now() - known.read < LOOK_SECONDS:
                raise
            newer = await self._fresh(hook.name, proof, known)
            if set(newer.secrets) == set(known.secrets):
                raise
        return proof.knowing(newer.secrets).check(request)

    async def _read(self, source: str, proof: GivenSecret) -> _Known:
        known = self._known.get(source)
        if known is None or (not known.secrets and self._now() - known.read >= LOOK_SECONDS):
            try:
                known = await self._load(source, proof)
            except FAULTS:
                raise unavailable() from None
        if known.sealed and not known.secrets:
            log.error("secret.unreadable", source=source, cause="the `secret` that sealed it is not declared any more")
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                ErrorCode.CREDENTIALS_REFUSED,
                "What its sender gave to this source is sealed by another `secret` than it has now: put the former one "
                "beside it, as a second one.",
                headers={"Retry-After": "60"},
            )
        return known

    async def _fresh(self, source: str, proof: GivenSecret, known: _Known) -> _Known:
        try:
            return await self._load(source, proof)
        except (*FAULTS, Refused):
            return known

    async def _load(self, source: str, proof: GivenSecret) -> _Known:
        rows = await self._rows.all(source)
        found = _Known(tuple(proof.opened(rows)), len(rows), self._now())
        self._known[source] = found
        return found
