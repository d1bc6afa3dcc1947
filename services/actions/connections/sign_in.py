"""A sign-in's tokens in one worker: the next refresh token is written down before the last one is given up.

Many servers take a refresh token once and answer with the next one (RFC 9700, 4.14.2). So whoever uses it holds its
row, nobody uses it while the row cannot be had, and the answer is written down before its access token is used. Who is
killed in the milliseconds between has lost it, unless the server takes the last one for a moment longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from services.actions.action_call import CallFailedError
from services.actions.connections.parts import OAuth2
from services.actions.connections.token_requests import Token
from services.actions.connections.token_store import TokenStore
from services.actions.world import World
from services.runtime import database, logging
from services.runtime.back_off import BackOff
from services.runtime.tables import audit
from services.runtime.tables.audit import Decided

log = logging.get("sign_in")
# Only a person can mend a refused sign-in: it is not asked about again before this, unless there is another one.
REFUSED_SECONDS = 300.0
CLOSE_SECONDS = 10.0


class SignInRefusedError(CallFailedError):
    """The refresh token is good no longer."""


class SignIn:
    """Renews the tokens of one connection. `fetch` asks the endpoint with a refresh token."""

    def __init__(
        self, oauth2: OAuth2, store: TokenStore, fetch: Callable[[str], Awaitable[Token]], world: World
    ) -> None:
        self._oauth2 = oauth2
        self._store = store
        self._fetch = fetch
        self._world = world
        self._renewing: asyncio.Task[Token] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._unkept: tuple[str, Token] | None = None
        self._refusal: tuple[str, float, SignInRefusedError] | None = None

    async def token(self, refused: str) -> Token:
        """An access token that is good and is not `refused`. Raises CallFailedError.

        A call that is given up does not give up the renewal: its answer may hold the only refresh token there is.
        """
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._renewed(refused))
            self._renewing.add_done_callback(_seen)
        return await asyncio.shield(self._renewing)

    async def close(self) -> None:
        """Finish what is under way."""
        pending = [task for task in (self._renewing, self._keeping) if task is not None and not task.done()]
        if pending:
            _, left = await asyncio.wait(pending, timeout=CLOSE_SECONDS)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _renewed(self, refused: str) -> Token:
        fetched: tuple[str, Token] | None = None
        try:
            async with self._store.held() as (kept, connection):
                there = self._latest(kept)
                if there is not None and there.value != refused and there.good(self._world.wall()):
                    return there
                fetched = await self._next(there)
                await self._store.keep(connection, fetched[1])
        except database.FAULTS as error:
            if fetched is None:
                cause = f"no access token: the sign-in is kept in PostgreSQL, which is away: {error}"
                raise CallFailedError(ErrorCode.CALL_REFUSED, cause, away=True) from None
            self._unkept = fetched
            if self._keeping is None or self._keeping.done():
                self._keeping = asyncio.ensure_future(self._keep())
            return fetched[1]
        self._unkept = None
        return fetched[1]

    def _latest(self, there: Token | None) -> Token | None:
        """The newest that is known: what could not be written down yet, or what the file was changed to."""
        first = stable_id(self._oauth2.refresh_token) if self._oauth2.refresh_token else ""
        if first and (there is None or there.first != first):
            return Token("", 0.0, 0.0, self._oauth2.refresh_token, first)
        if self._unkept is not None and there is not None and there.refresh == self._unkept[0]:
            return self._unkept[1]
        return there

    async def _next(self, there: Token | None) -> tuple[str, Token]:
        """The refresh token that was used, and what it gave. Raises CallFailedError."""
        if there is None or not there.refresh:
            raise SignInRefusedError(
                ErrorCode.CREDENTIALS_REFUSED,
                f"no access token: nobody has signed in: flows connections login {self._oauth2.connection}",
                retriable=True,
                away=True,
            )
        if self._refusal is not None and self._refusal[0] == there.refresh and self._world.now() < self._refusal[1]:
            raise self._refusal[2]
        try:
            token = await self._fetch(there.refresh)
        except SignInRefusedError as error:
            log.error(  # noqa: TRY400 - no fault of ours: its stack tells nothing
                "sign_in.refused", connection=self._oauth2.connection, cause=error.cause
            )
            self._refusal = (there.refresh, self._world.now() + REFUSED_SECONDS, error)
            raise
        return there.refresh, replace(token, refresh=token.refresh or there.refresh, first=there.first)

    async def _keep(self) -> None:
        """Write down what PostgreSQL did not take, until it has; unless somebody has signed in anew."""
        back_off = BackOff()
        while self._unkept is not None:
            try:
                async with self._store.held() as (there, connection):
                    if there is None or there.refresh == self._unkept[0]:
                        await self._store.keep(connection, self._unkept[1])
                self._unkept = None
            except database.FAULTS as error:
                if back_off.news(error):
                    logging.failed(log, "sign_in.not_kept", error)
                await back_off.wait()


async def keep_sign_in(oauth2: OAuth2, store: TokenStore, token: Token, who: str) -> None:
    """A person has signed in: from now on all workers take what came of it. Raises one of database.FAULTS."""
    first = stable_id(oauth2.refresh_token) if oauth2.refresh_token else ""
    async with store.held() as (_, connection):
        await store.keep(connection, replace(token, first=first))
        await audit.write(connection, who, "connection.signed_in", [Decided(oauth2.connection)])


def _seen(task: asyncio.Task[Token]) -> None:
    """Those who waited for it may be gone: then nobody else looks at how it failed."""
    if not task.cancelled():
        task.exception()
