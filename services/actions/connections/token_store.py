"""The table `oauth_tokens`: where workers share an access token, and where a sign-in lives.

Both are encrypted by a key made of the client's secret, which every worker has.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from cryptography.fernet import Fernet, InvalidToken

from contracts.ids import stable_id
from services.actions.connections.parts import Grant, OAuth2
from services.actions.connections.token_requests import Token
from services.runtime import database


class TokenStore:
    """One row of it."""

    def __init__(self, database_url: str, oauth2: OAuth2) -> None:
        self._url = database_url
        parts = [oauth2.token_url, oauth2.client_id, oauth2.scope, oauth2.audience]
        if oauth2.grant is Grant.REFRESH_TOKEN:
            parts = [oauth2.token_url, oauth2.client_id, oauth2.grant.value, oauth2.connection]
        elif oauth2.grant is Grant.JWT_BEARER:
            parts += [oauth2.grant.value, oauth2.issuer, oauth2.subject]
        self._id = stable_id(*parts)
        key = hashlib.blake2b(oauth2.seal.encode(), digest_size=32, person=b"oauth-token").digest()
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
                    "select token, expires_at, refresh_token, first_of from oauth_tokens where client = $1 for update",
                    self._id,
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
                "" if row["refresh_token"] is None else self._fernet.decrypt(bytes(row["refresh_token"])).decode(),
                row["first_of"] or "",
            )
        except InvalidToken:  # the client's secret was changed
            return None

    async def keep(self, connection: asyncpg.Connection, token: Token) -> None:
        """For the others, once the block has ended."""
        await connection.execute(
            "update oauth_tokens set token = $2, expires_at = to_timestamp($3), refresh_token = $4, first_of = $5 "
            "where client = $1",
            self._id,
            self._fernet.encrypt(token.value.encode()),
            token.until,
            self._fernet.encrypt(token.refresh.encode()) if token.refresh else None,
            token.first or None,
        )
