"""Dead letters and unknown effects by HTTP, for other tools: beside /metrics, where the Internet does not reach.

It is not on ingest, whose port does face the Internet. Every request needs `Authorization: Bearer FLOWS_ADMIN_TOKEN`;
without that setting nothing is offered. Errors are RFC 9457.

    GET  /v1/dead-letters?each=1&group=&code=&flow=&connection=&source=&subject=&since=&until=&decided=1&limit=50
    GET  /v1/dead-letters/{topic}/{partition}/{offset}
    POST /v1/dead-letters/redrive  {"ids": […] or a filter, "dry_run", "rate", "set": {path: value}, "even_if_sent",
                                    "other_connection"}
    POST /v1/dead-letters/drop     {"ids": […] or a filter, "reason": "…"}
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import ErrorCode
from contracts.faults import first_faults
from services.actions.admin.http_problems import ProblemError, body_of, json_of, problem
from services.actions.admin.request_preview import preview, repeatable
from services.actions.admin.unknown import UnknownEffects
from services.actions.connections.connection import Connection
from services.actions.settings import ActionsSettings
from services.runtime import database, kafka
from services.runtime.dead_letters import decisions, redrive
from services.runtime.dead_letters.edit import EditError, edited
from services.runtime.dead_letters.groups import DeadLetterFilter, groups
from services.runtime.dead_letters.letters import FoundDeadLetter, read_all, with_originals
from services.runtime.kafka import topic_reading

MOST_FAULTS = 20
WHO = "FLOWS_ADMIN_TOKEN"
"""Who decides by HTTP, for `audit`: the name of the token."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LetterFilterQuery(BaseModel):
    """A filter, as in the query and in bodies."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(default_factory=list, max_length=10_000)
    everything: bool = Field(default=False, alias="all")
    group: str | None = None
    code: ErrorCode | None = None
    flow: str | None = None
    connection: str | None = None
    source: str | None = None
    subject: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def filter(self) -> DeadLetterFilter:
        """As a filter."""
        return DeadLetterFilter(
            tuple(self.ids),
            self.group,
            self.code,
            self.flow,
            self.connection,
            source=self.source,
            subject=self.subject,
            since=self.since,
            until=self.until,
        )


class LetterListQuery(LetterFilterQuery):
    """What a list may be asked for."""

    each: bool = False
    decided: bool = False
    limit: int = Field(default=50, ge=1, le=10_000)


class RedriveQuery(LetterFilterQuery):
    """What a redrive may be asked for."""

    dry_run: bool = False
    rate: float = Field(default=50.0, gt=0, le=100_000)
    put: dict[str, Any] = Field(default_factory=dict, alias="set")
    other_connection: bool = False
    even_if_sent: bool = False
    reason: str = Field(default="by HTTP", max_length=500)


class DropQuery(LetterFilterQuery):
    """What a drop may be asked for."""

    reason: str = Field(min_length=1, max_length=500)


class DeadLetterAdmin:
    """The API. `connections` hold no secrets: `connections.load(…, secrets=False)`."""

    def __init__(self, settings: ActionsSettings, connections: Mapping[str, Connection]) -> None:
        self._settings = settings
        self._connections = connections

    def routes(self) -> list[web.RouteDef]:
        """Nothing without a token."""
        if self._settings.admin_token is None:
            return []
        return [
            web.get("/v1/dead-letters", self._guarded(self._list)),
            web.get(r"/v1/dead-letters/{topic}/{partition:\d+}/{offset:\d+}", self._guarded(self._show)),
            web.post("/v1/dead-letters/redrive", self._guarded(self._redrive)),
            web.post("/v1/dead-letters/drop", self._guarded(self._drop)),
            *(
                web.route(method, path, self._guarded(handler))
                for method, path, handler in UnknownEffects(self._settings, WHO).handlers()
            ),
        ]

    def _guarded(self, handler: Callable[[web.Request], Awaitable[object]]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return json_of(await handler(request))
            except ProblemError as error:
                return problem(error.status, error.detail)
            except ValidationError as error:
                faults = "; ".join(
                    f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in first_faults(error, MOST_FAULTS)
                )
                return problem(HTTPStatus.UNPROCESSABLE_ENTITY, faults)
            except EditError as error:
                return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
            except (topic_reading.UnreachableError, topic_reading.NoTopicError, KafkaError) as error:
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Kafka: {error}")
            except database.FAULTS as error:
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"PostgreSQL: {error or type(error).__name__}")

        return answer

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        wanted = (self._settings.admin_token or "").encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode("utf-8", "replace"), wanted):
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "the bearer token of FLOWS_ADMIN_TOKEN is needed")

    async def _list(self, request: web.Request) -> object:
        asked = LetterListQuery.model_validate(dict(request.query))
        found = [one for one in await read_all(self._settings) if asked.filter().fits(one)]
        known = await self._known(found)
        if asked.decided:
            decided = [one for one in found if one.id in known][-asked.limit :]
            return {"letters": [{**one.row(), **_decision(known[one.id])} for one in decided]}
        found = [one for one in found if one.id not in known]
        if asked.each:
            return {"count": len(found), "letters": [one.row() for one in found[-asked.limit :]]}
        return {"count": len(found), "groups": [group.row() for group in groups(found)[: asked.limit]]}

    async def _show(self, request: web.Request) -> object:
        identity = "/".join(request.match_info[name] for name in ("topic", "partition", "offset"))
        for one in await read_all(self._settings):
            if one.id == identity:
                known = await self._known([one])
                return {
                    **one.row(),
                    "decision": _decision(known[identity]) if identity in known else None,
                    "request": await preview(one, self._connections),
                    "message": one.body if one.body is not None else repr(one.value),
                }
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no dead letter {identity!r}")

    async def _redrive(self, request: web.Request) -> object:
        asked = RedriveQuery.model_validate(await body_of(request))
        elsewhere = asked.other_connection and self._settings.admin_other_connection
        meant = await with_originals(self._settings, await self._meant(asked))
        harmless = partial(repeatable, connections=self._connections)
        planned = redrive.plan(meant, await self._known(meant), harmless, even_if_sent=asked.even_if_sent)
        for one in planned.letters:
            edited(one, asked.put, elsewhere=elsewhere)
        told = {"left_out": dict(planned.left_out)}
        if asked.dry_run:
            return {"would_go": [one.id for one in planned.letters], **told}
        # One of its own: a redrive of an hour must not stand in the way of the worker's.
        producer = kafka.Producer(self._settings)
        await producer.start()
        pool = await database.connect(self._settings.database_url)
        try:
            done = await redrive.perform(
                planned.letters,
                producer,
                pool,
                rate=asked.rate,
                who=WHO,
                changes=asked.put,
                elsewhere=elsewhere,
                reason=asked.reason,
            )
        finally:
            pool.terminate()
            await producer.stop()
        return {"redriven": [one.id for one in done], **told}

    async def _drop(self, request: web.Request) -> object:
        asked = DropQuery.model_validate(await body_of(request))
        meant = await self._meant(asked)
        pool = await database.connect(self._settings.database_url)
        try:
            async with pool.acquire() as connection:
                done = await decisions.decide(connection, meant, "dropped", asked.reason, who=WHO)
            return {"dropped": [one.id for one in done]}
        finally:
            pool.terminate()

    async def _meant(self, asked: LetterFilterQuery) -> list[FoundDeadLetter]:
        which = asked.filter()
        if asked.everything == which.chooses:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, 'name ids or a filter such as group, or say "all": true'
            )
        found = await read_all(self._settings)
        if missing := which.missing(found):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no dead letter {missing[0]!r}")
        return [one for one in found if which.fits(one)]

    async def _known(self, found: list[FoundDeadLetter]) -> dict[str, decisions.DeadLetterDecision]:
        if not found:
            return {}
        pool = await database.connect(self._settings.database_url)
        try:
            async with pool.acquire() as connection:
                return await decisions.known(connection, found)
        finally:
            pool.terminate()


def _decision(decision: decisions.DeadLetterDecision) -> dict[str, str | datetime]:
    return {"decision": decision.decision, "reason": decision.reason, "decided_at": decision.at}
