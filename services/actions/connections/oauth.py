"""OAuth 2 client credentials (RFC 6749, 4.4): one access token for all workers, renewed by one of them.

The token stands in PostgreSQL, encrypted by a key made of the client's secret, which every worker has. Who finds it
expired holds its row while fetching the next. While PostgreSQL is away each worker fetches one of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import asyncpg
import orjson
from cryptography.fernet import Fernet, InvalidToken

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from services.actions.action_call import CallFailedError, RequestBody, without_bom
from services.actions.answer_text import said
from services.actions.connections.parts import OAuth2, RequestCredentials
from services.actions.http_statuses import meaning_of, retry_after_seconds
from services.actions.world import REAL, World
from services.runtime import database, logging
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, Client

log = logging.get("oauth")
FETCH_SECONDS = 10.0
# RFC 6749 only recommends `expires_in`; without it a token is believed for a short while.
UNSAID_SECONDS = 300.0
LONGEST_SECONDS = 31_536_000.0  # whoever says more means for ever, and a year is enough of that
# A token is renewed before it ends, so that none ends on its way.
MARGIN_SECONDS = 30.0
# A token that was never taken is given so long before another is asked for, then longer: some are good a moment later.
UNTAKEN_SECONDS, MOST_UNTAKEN_SECONDS = 4.0, 60.0
# So long at least between two tokens, whatever is said of them.
BETWEEN_SECONDS = 1.0
# So many calls denied one after the other speak against the token that they had.
MOST_DENIED = 3
# So long a failure is answered from memory, as each of a thousand waiting calls would ask again: for a moment only, as
# the breaker keeps the calls back, and the one that tries is to learn how it is now; or as its endpoint says.
AWAY_SECONDS, LONGEST_AWAY_SECONDS = 1.0, 5.0
MOST_AWAY_SECONDS = 3_600.0
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `until` and `got` by the wall clock."""

    value: str
    until: float
    got: float

    def good(self, now: float) -> bool:
        """Whether it can be taken along now."""
        return now < self.until - min(MARGIN_SECONDS, (self.until - self.got) / 2)


class TokenStore:
    """Where workers share a token."""

    def __init__(self, database_url: str, oauth2: OAuth2) -> None:
        self._url = database_url
        self._id = stable_id(oauth2.token_url, oauth2.client_id, oauth2.scope, oauth2.audience)
        key = hashlib.blake2b(oauth2.client_secret.encode(), digest_size=32, person=b"oauth-token").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[tuple[Token | None, asyncpg.Connection]]:
        """The token that is there, with its row held until the block ends. Raises one of database.FAULTS."""
        connection = await asyncpg.connect(self._url, timeout=database.CONNECT_SECONDS, command_timeout=30)
        try:
            async with connection.transaction():
                await connection.execute(
                    "insert into oauth_tokens (client) values ($1) on conflict do nothing", self._id
                )
                row = await connection.fetchrow(
                    "select token, expires_at from oauth_tokens where client = $1 for update", self._id
                )
                yield (None if row is None else self._read(row)), connection
        finally:
            await connection.close()

    def _read(self, row: asyncpg.Record) -> Token | None:
        if row["token"] is None:
            return None
        try:
            sealed = bytes(row["token"])
            return Token(
                self._fernet.decrypt(sealed).decode(),
                row["expires_at"].timestamp(),
                float(self._fernet.extract_timestamp(sealed)),
            )
        except InvalidToken:  # the client's secret was changed
            return None

    async def keep(self, connection: asyncpg.Connection, token: Token) -> None:
        """For the others."""
        await connection.execute(
            "update oauth_tokens set token = $2, expires_at = to_timestamp($3) where client = $1",
            self._id,
            self._fernet.encrypt(token.value.encode()),
            token.until,
        )


class ClientCredentials:
    """The credentials of one connection in one worker. See `services.actions.connections.parts.Credentials`."""

    def __init__(self, oauth2: OAuth2, client: Client, store: TokenStore, world: World = REAL) -> None:
        self._oauth2 = oauth2
        self._client = client
        self._store = store
        self._mask = Mask((oauth2.client_secret,))
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._grant: RequestCredentials | None = None
        self._world = world
        self._refused = ""
        self._taken = False
        self._denied = 0
        self._untaken = 0
        self._failures = 0
        self._failure: tuple[float, CallFailedError] | None = None

    async def grant(self) -> RequestCredentials:
        """The token to take along now; fetched, or taken from another worker, when there is none that is good."""
        if self._grant is not None and self._token is not None and self._token.good(self._world.wall()):
            return self._grant
        async with self._lock:
            if self._grant is not None and self._token is not None and self._token.good(self._world.wall()):
                return self._grant
            if self._failure is not None and self._world.now() < self._failure[0]:
                raise self._failure[1]
            try:
                token = await self._shared()
            except CallFailedError as error:
                self._failures += 1
                seconds = min(LONGEST_AWAY_SECONDS, AWAY_SECONDS * self._failures)
                seconds = min(MOST_AWAY_SECONDS, max(seconds, error.retry_after_seconds or 0.0))
                error.retry_after_seconds = None  # of the token; when the call is made, the breaker decides
                self._failure = (self._world.now() + seconds, error)
                raise
            self._token, self._taken, self._denied, self._failures = token, False, 0, 0
            self._grant = RequestCredentials({"Authorization": f"Bearer {token.value}"}, Mask((token.value,)))
            return self._grant

    def accepted(self, grant: RequestCredentials) -> None:
        """The destination took the token."""
        if grant is self._grant:
            self._taken, self._denied, self._untaken = True, 0, 0

    def refused(self, grant: RequestCredentials, *, denied: bool) -> None:
        """Forget the token, for all workers, if another one may fare better.

        One that was taken before was revoked, or has ended before its time. One that never was may be too young yet.
        """
        token = self._token
        if token is None or grant is not self._grant:
            return  # somebody was faster: there is another one by now
        self._denied += denied
        if denied and self._denied < MOST_DENIED:
            return
        untaken = min(MOST_UNTAKEN_SECONDS, UNTAKEN_SECONDS * 2.0**self._untaken)
        age = self._world.wall() - token.got  # below 0: the clock was set back since
        if 0 <= age < (BETWEEN_SECONDS if self._taken else untaken):
            return
        self._untaken += not self._taken
        self._refused, self._token, self._grant = token.value, None, None

    async def _shared(self) -> Token:
        try:
            async with self._store.held() as (there, connection):
                if there is not None and there.good(self._world.wall()) and there.value != self._refused:
                    return there
                token = await self._fetch()
                await self._store.keep(connection, token)
                return token
        except database.FAULTS as error:
            logging.failed(log, "token.not_shared", error)
            return await self._fetch()

    async def _fetch(self) -> Token:
        """Raises CallFailedError: nothing was sent to the destination itself, so trying again is always harmless.

        Whatever the endpoint says, no call of the connection can be made meanwhile: so they wait (`away`).
        """
        oauth2 = self._oauth2
        fields: dict[str, str | int | float | bool] = {"grant_type": "client_credentials"}
        fields |= {name: value for name, value in (("scope", oauth2.scope), ("audience", oauth2.audience)) if value}
        headers = {"Accept": "application/json"}
        if oauth2.in_body:
            fields |= {"client_id": oauth2.client_id, "client_secret": oauth2.client_secret}
        else:
            # Each is encoded by itself first: RFC 6749, 2.3.1.
            pair = f"{quote(oauth2.client_id, safe='')}:{quote(oauth2.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        body = RequestBody.form(fields)
        try:
            answer = await self._client.call(
                "POST",
                oauth2.token_url,
                headers={**headers, "Content-Type": body.media_type},
                content=body.content,
                seconds=FETCH_SECONDS,
            )
        except CallError as error:
            denied = error.code is ErrorCode.EGRESS_DENIED
            code = error.code if denied else ErrorCode.CALL_REFUSED
            raise CallFailedError(code, f"no access token: {self._mask.text(error.cause)}", away=not denied) from None
        text = without_bom(self._mask.content(answer.body)).decode("utf-8", "replace")
        if answer.status not in SUCCESS:
            code = meaning_of(answer.status).code
            refused = code if code.retriable else ErrorCode.CREDENTIALS_REFUSED
            words = said(answer.headers.get("content-type", ""), text)
            raise CallFailedError(
                refused,
                f"no access token: {oauth2.token_url}: HTTP {answer.status}: {words}",
                retry_after_seconds=retry_after_seconds(answer.headers),
                retriable=True,
                away=True,
            )
        return self._token_in(answer.body)

    def _token_in(self, body: bytes) -> Token:
        try:
            found = orjson.loads(without_bom(body))
            value, kind = found["access_token"], found.get("token_type") or "bearer"
            seconds = float(found.get("expires_in") or UNSAID_SECONDS)
        except (ValueError, TypeError, KeyError, AttributeError):
            value, kind, seconds = None, "", 0.0
        if not math.isfinite(seconds):
            seconds = UNSAID_SECONDS
        if (
            not value
            or not isinstance(value, str)
            or not value.isascii()
            or not value.isprintable()
            or str(kind).lower() != "bearer"
        ):
            cause = f"no access token: {self._oauth2.token_url} gave none of the type bearer"
            raise CallFailedError(ErrorCode.ANSWER_INVALID, cause, retriable=True, away=True)
        now = self._world.wall()
        return Token(value, now + min(seconds, LONGEST_SECONDS), now)
