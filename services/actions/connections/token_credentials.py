"""Access tokens of OAuth 2: one for all workers, renewed by one of them, by any of three grants.

The token stands in PostgreSQL. Who finds it expired holds its row while fetching the next. While PostgreSQL is away
each worker fetches one of its own; but not of a sign-in (sign_in.py).
"""

from __future__ import annotations

import asyncio

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError, without_bom
from services.actions.answer_text import said
from services.actions.connections.parts import Grant, OAuth2, RequestCredentials
from services.actions.connections.sign_in import SignIn, SignInRefusedError
from services.actions.connections.token_requests import Token, TokenRequest, refusal_in, renewal, token_in
from services.actions.connections.token_store import TokenStore
from services.actions.http_statuses import meaning_of, retry_after_seconds
from services.actions.world import REAL, World
from services.runtime import database, logging
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, Client

log = logging.get("oauth")
FETCH_SECONDS = 10.0
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
# Of a refresh token that is no longer good: RFC 6749, 5.2; Zoho says the second, with HTTP 200.
ENDED = frozenset({"invalid_grant", "invalid_code", "invalid_token", "bad_refresh_token"})


async def fetch_token(oauth2: OAuth2, request: TokenRequest, client: Client, now: float) -> Token:
    """Ask the endpoint. Raises CallFailedError: nothing was sent to the destination itself, so another try is harmless.

    Whatever the endpoint says, no call of the connection can be made meanwhile: so they wait (`away`).
    """
    mask = Mask(request.secrets)
    try:
        answer = await client.call(
            "POST",
            oauth2.token_url,
            headers=request.headers,
            content=request.body.content,
            seconds=FETCH_SECONDS,
        )
    except CallError as error:
        denied = error.code is ErrorCode.EGRESS_DENIED
        code = error.code if denied else ErrorCode.CALL_REFUSED
        raise CallFailedError(code, f"no access token: {mask.text(error.cause)}", away=not denied) from None
    refusal = refusal_in(answer.body)
    token = token_in(answer.body, now) if answer.status in SUCCESS else None
    if token is not None:
        return token
    text = without_bom(mask.content(answer.body)).decode("utf-8", "replace")
    words = said(answer.headers.get("content-type", ""), text)
    cause = f"no access token: {oauth2.token_url}: HTTP {answer.status}: {words}"
    if oauth2.grant is Grant.REFRESH_TOKEN and refusal in ENDED:
        raise SignInRefusedError(
            ErrorCode.CREDENTIALS_REFUSED,
            f"{cause}. Sign in again: flows connections login {oauth2.connection}",
            retriable=True,
            away=True,
        )
    if answer.status in SUCCESS and not refusal:
        cause = f"no access token: {oauth2.token_url} gave none of the type bearer"
        raise CallFailedError(ErrorCode.ANSWER_INVALID, cause, retriable=True, away=True)
    code = meaning_of(answer.status).code
    raise CallFailedError(
        code if code.retriable else ErrorCode.CREDENTIALS_REFUSED,
        cause,
        retry_after_seconds=retry_after_seconds(answer.headers),
        retriable=True,
        away=True,
    )


class TokenCredentials:
    """The credentials of one connection in one worker. See `services.actions.connections.parts.Credentials`."""

    def __init__(self, oauth2: OAuth2, client: Client, store: TokenStore, world: World = REAL) -> None:
        self._oauth2 = oauth2
        self._client = client
        self._store = store
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._current: RequestCredentials | None = None
        self._world = world
        self._refused = ""
        self._taken = False
        self._denied = 0
        self._untaken = 0
        self._failures = 0
        self._failure: tuple[float, CallFailedError] | None = None
        self._sign_in = SignIn(oauth2, store, self._fetch, world)

    async def close(self) -> None:
        """Write down what must not be lost."""
        await self._sign_in.close()

    async def current(self) -> RequestCredentials:
        """The token to take along now; fetched, or taken from another worker, when there is none that is good."""
        if self._current is not None and self._token is not None and self._token.good(self._world.wall()):
            return self._current
        async with self._lock:
            if self._current is not None and self._token is not None and self._token.good(self._world.wall()):
                return self._current
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
            header = {"Authorization": f"{self._oauth2.scheme} {token.value}"}
            self._current = RequestCredentials(header, Mask((token.value,)))
            return self._current

    def accepted(self, used: RequestCredentials) -> None:
        """The destination took the token."""
        if used is self._current:
            self._taken, self._denied, self._untaken = True, 0, 0

    def refused(self, used: RequestCredentials, *, denied: bool) -> None:
        """Forget the token, for all workers, if another one may fare better.

        One that was taken before was revoked, or has ended before its time. One that never was may be too young yet.
        """
        token = self._token
        if token is None or used is not self._current:
            return  # somebody was faster: there is another one by now
        self._denied += denied
        if denied and self._denied < MOST_DENIED:
            return
        untaken = min(MOST_UNTAKEN_SECONDS, UNTAKEN_SECONDS * 2.0**self._untaken)
        age = self._world.wall() - token.got  # below 0: the clock was set back since
        if 0 <= age < (BETWEEN_SECONDS if self._taken else untaken):
            return
        self._untaken += not self._taken
        self._refused, self._token, self._current = token.value, None, None

    async def _shared(self) -> Token:
        if self._oauth2.grant is Grant.REFRESH_TOKEN:
            return await self._sign_in.token(self._refused)
        try:
            async with self._store.held() as (there, connection):
                if there is not None and there.good(self._world.wall()) and there.value != self._refused:
                    return there
                token = await self._fetch("")
                await self._store.keep(connection, token)
                return token
        except database.FAULTS as error:
            logging.failed(log, "token.not_shared", error)
            return await self._fetch("")

    async def _fetch(self, refresh: str) -> Token:
        """Raises CallFailedError."""
        now = self._world.wall()
        return await fetch_token(self._oauth2, renewal(self._oauth2, refresh, now), self._client, now)
