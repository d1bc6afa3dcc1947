"""Calls of unknown outcome by HTTP, for other tools: as `flows unknown`, beside the dead letters and under their token.

GET  /v1/unknown-effects?decided=1&limit=50
POST /v1/unknown-effects/{id}/done    {"reason": "…", "outputs": {…}}
POST /v1/unknown-effects/{id}/resend  {"reason": "…"}
POST /v1/unknown-effects/{id}/verify  {"dry_run": true}
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.actions import connections
from services.actions.admin import unknown_calls
from services.actions.admin.http_problems import ProblemError, body_of
from services.actions.connections.setup import equipped
from services.actions.journal import unknowns
from services.actions.journal.unknowns import Decision, Open, WentOnError
from services.actions.settings import ActionsSettings
from services.runtime import database, kafka
from services.runtime.egress import Egress
from services.runtime.http import Client
from services.runtime.settings import SettingsError

Handler = Callable[[web.Request], Awaitable[object]]


class UnknownListQuery(BaseModel):
    """What the list may be asked for."""

    model_config = ConfigDict(extra="forbid")

    decided: bool = False
    limit: int = Field(default=50, ge=1, le=10_000)


class DecisionBody(BaseModel):
    """What a person found out."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)


class HappenedDecision(DecisionBody):
    """It happened."""

    outputs: dict[str, Any] = Field(default_factory=dict)


class AskQuery(BaseModel):
    """Whether to say only what would follow."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


class UnknownEffects:
    """The handlers, each with its path. `who` decides, for `audit`.

    They raise ProblemError, and what Kafka, PostgreSQL and pydantic raise.
    """

    def __init__(self, settings: ActionsSettings, who: str) -> None:
        self._settings = settings
        self._who = who

    def handlers(self) -> list[tuple[str, str, Handler]]:
        """Method, path, handler."""
        one = "/v1/unknown-effects/{id}"
        return [
            ("GET", "/v1/unknown-effects", self._list),
            ("POST", f"{one}/done", self._done),
            ("POST", f"{one}/resend", self._resend),
            ("POST", f"{one}/verify", self._verify),
        ]

    async def _list(self, request: web.Request) -> object:
        asked = UnknownListQuery.model_validate(dict(request.query))
        async with self._connected() as connection:
            found = await unknowns.listed(connection, decided=asked.decided)
        return {"count": len(found), "effects": found[-asked.limit :]}

    async def _done(self, request: web.Request) -> object:
        said = HappenedDecision.model_validate(await body_of(request))
        return await self._decided(request, Decision.DONE, said.reason, said.outputs)

    async def _resend(self, request: web.Request) -> object:
        said = DecisionBody.model_validate(await body_of(request))
        return await self._decided(request, Decision.RESEND, said.reason, None)

    async def _verify(self, request: web.Request) -> object:
        asked = AskQuery.model_validate(await body_of(request))
        settings = self._settings
        try:
            known = connections.load(settings.connections_file)
        except SettingsError as error:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"the connections file: {error}") from None
        async with self._connected() as connection:
            one = await _the_one(connection, request)
            client = Client(Egress(settings.egress_allow, settings.egress_ports))
            try:
                async with equipped(settings, known, client) as ready:
                    verdict = await unknown_calls.asked(one, ready, client, settings.call_seconds)
            finally:
                await client.close()
            decision, outputs, words = unknown_calls.follows(verdict, one, settings.verify_seconds)
            if decision is not None and not asked.dry_run:
                reason = f"the destination was asked: {words}"
                await self._decide(connection, one, decision, reason, outputs)
        return {"id": one.key.effect_id, "decision": decision, "said": words}

    async def _decided(
        self, request: web.Request, decision: Decision, reason: str, outputs: dict[str, Any] | None
    ) -> object:
        async with self._connected() as connection:
            one = await _the_one(connection, request)
            await self._decide(connection, one, decision, reason, outputs)
        return {"id": one.key.effect_id, "decision": decision}

    async def _decide(
        self,
        connection: asyncpg.Connection,
        one: Open,
        decision: Decision,
        reason: str,
        outputs: dict[str, Any] | None,
    ) -> None:
        producer = kafka.Producer(self._settings)
        await producer.start()
        try:
            if not await unknown_calls.decide(
                connection, producer, one, decision, reason=reason, who=self._who, outputs=outputs
            ):
                raise ProblemError(HTTPStatus.CONFLICT, "somebody has decided already")
        except WentOnError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
        finally:
            await producer.stop()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._settings.database_url, timeout=database.CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close(timeout=database.CONNECT_SECONDS)


async def _the_one(connection: asyncpg.Connection, request: web.Request) -> Open:
    start = request.match_info["id"]
    found = await unknowns.found(connection, start)
    if not found:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"no open unknown effect begins with {start!r}")
    if len(found) > 1:
        raise ProblemError(HTTPStatus.CONFLICT, f"{len(found)} unknown effects begin with {start!r}: give more of it")
    return found[0]
