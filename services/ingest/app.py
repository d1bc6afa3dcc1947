"""The ASGI application: the hot routes, and FastAPI for everything that people read."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from contracts.errors import ErrorCode
from services.ingest import docs_page, event_lookup, events, hooks, http_problems, openapi, responses, tokens_file
from services.ingest.accepting import EventAcceptor
from services.ingest.acknowledged_ids import AcknowledgedIds
from services.ingest.auth.event_tokens import EventTokens, unbound
from services.ingest.auth.scheme import request_of, unproven
from services.ingest.certificates import Certificates
from services.ingest.database import Database
from services.ingest.event_publisher import EventPublisher
from services.ingest.events import EventBodies
from services.ingest.given_secrets import GivenSecrets, GivenSecretTable
from services.ingest.hook_bodies import HookBodies
from services.ingest.hot_routes import HotRoutes
from services.ingest.http_problems import Refused, wrong_method
from services.ingest.in_flight import RequestsInFlight
from services.ingest.proofs import Proofs
from services.ingest.refusals import Refusals
from services.ingest.replayed_requests import ReplayedRequests
from services.ingest.settings import IngestSettings
from services.ingest.source_limits import SourceLimit
from services.ingest.sources.file_form import LARGEST_BODY
from services.ingest.sources.load import Sources
from services.runtime import logging
from services.runtime.egress import Egress
from services.runtime.http import Client
from services.runtime.version import version

HOUR_SECONDS = 3600.0
PAGE_METHODS = ["GET", "HEAD"]

log = logging.get("http")


@dataclass(frozen=True)
class IntakeParts:
    """What all ways into Kafka share. `client`: asks others, for polls and certificates."""

    taker: EventAcceptor
    acknowledged: AcknowledgedIds
    data: Database
    refusals: Refusals
    bodies: HookBodies
    client: Client
    proofs: Proofs
    tokens: EventTokens


def core(settings: IngestSettings, publisher: EventPublisher) -> IntakeParts:
    """The shared parts of one process. Raises SettingsError for a wrong file of tokens."""
    acknowledged = AcknowledgedIds(settings.acknowledged_ids, settings.duplicate_hours * HOUR_SECONDS)
    taker, data = EventAcceptor(publisher, acknowledged), Database(settings.database_url)
    refusals = Refusals(publisher, lambda: data.pool, settings.max_body_bytes)
    client = Client(Egress(settings.egress_allow))
    proofs = Proofs(GivenSecrets(GivenSecretTable(data)), Certificates(client))
    bodies, tokens = HookBodies(taker, refusals), tokens_of(settings)
    return IntakeParts(taker, acknowledged, data, refusals, bodies, client, proofs, tokens)


def tokens_of(settings: IngestSettings) -> EventTokens:
    """Those of the file, and the one of the setting. Raises SettingsError."""
    found = list(tokens_file.load(settings.events_tokens_file)) if settings.events_tokens_file else []
    if settings.events_token is not None:
        log.warning(
            "token.deprecated",
            setting="FLOWS_EVENTS_TOKEN",
            cause="it speaks for every account and source; the next version no longer reads it",
            remedy="make a token for each sender with `flows tokens new`, and set FLOWS_EVENTS_TOKENS_FILE",
        )
        found.append(unbound(settings.events_token))
    return EventTokens(found)


def whole_events(settings: IngestSettings, sources: Sources, shared: IntakeParts) -> EventBodies:
    """What reads the bodies of `POST /v1/events`."""
    return EventBodies(shared.tokens, shared.taker, settings.max_body_bytes, sources.triggers)


def build(settings: IngestSettings, sources: Sources, shared: IntakeParts) -> ASGIApp:
    """The application. The hot routes stand before FastAPI, so that its middleware costs them nothing."""
    largest = max(settings.max_body_bytes, LARGEST_BODY) + events.ROOM_BYTES
    in_flight = RequestsInFlight(settings.max_in_flight, settings.max_in_flight_bytes, largest)
    limits = {
        hook.name: SourceLimit(hook.name, hook.requests_per_second, lambda: shared.data.pool)
        for hook in sources.hooks
        if hook.requests_per_second is not None
    }
    most = settings.max_body_bytes
    replays = ReplayedRequests(lambda: shared.data.pool, settings.duplicate_hours * HOUR_SECONDS)
    hook = hooks.HookEndpoint(
        hooks.HookDependencies(
            sources.hooks, shared.bodies, shared.refusals, in_flight, replays, shared.proofs, limits, most
        )
    )
    tokens = shared.tokens
    event = events.EventsEndpoint(whole_events(settings, sources, shared), shared.refusals, in_flight)
    found = event_lookup.EventLookupEndpoint(tokens, shared.data, shared.acknowledged)
    pages = _pages(sources, None if settings.docs_open else tokens)
    # No `methods`: the endpoints answer a wrong method themselves, as a problem.
    routes = [
        Route(f"{events.PATH}/", pages),  # an event without an id is none to look up
        Route(event_lookup.PATH, found),
    ]
    return HotRoutes(hook, event, Router(routes, redirect_slashes=False, default=pages))


def _pages(sources: Sources, tokens: EventTokens | None) -> FastAPI:
    """`tokens`: whose holders may read what an installation takes; None: everybody may."""
    api = FastAPI(
        title=openapi.TITLE,
        version=version(),
        description=openapi.DESCRIPTION,
        openapi_url=None,
        redirect_slashes=False,  # a redirect could show a token to somebody else
        docs_url=None,  # FastAPI's own page loads its scripts from elsewhere: it is empty where that cannot be reached
        redoc_url=None,
    )

    @api.api_route("/", methods=PAGE_METHODS, include_in_schema=False)
    async def index() -> dict[str, str]:
        return {"service": openapi.TITLE, "docs": "/docs", "openapi": "/openapi.json"}

    @api.api_route("/openapi.json", methods=PAGE_METHODS, include_in_schema=False)
    async def document(request: Request) -> JSONResponse:
        _admit(request, tokens)
        return JSONResponse(api.openapi())

    @api.api_route("/docs", methods=PAGE_METHODS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        _admit(request, tokens)
        return HTMLResponse(docs_page.html(api.openapi(), sources.triggers), headers=docs_page.HEADERS)

    api.openapi = openapi.document(api, sources.triggers)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(Refused, _told)
    api.add_exception_handler(Exception, _failed)
    return api


def _admit(request: Request, tokens: EventTokens | None) -> None:
    """Raises Refused: 401 without a token, 404 where there is none."""
    if tokens is None or tokens.of(request_of(request.scope, None, 0.0), password=True) is not None:
        return
    if not tokens:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            ErrorCode.SOURCE_UNKNOWN,
            "This page is off: it needs a token of this installation (`flows tokens new`), or FLOWS_DOCS_OPEN.",
        )
    raise unproven(
        "Send `Authorization: Bearer TOKEN` with a token of this installation, or give it as the password.",
        challenge='Basic realm="closum-flows"',
    )


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - what it is registered for
    return _response(error)


async def _refused(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    headers = error.headers if isinstance(error, HTTPException) else None
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return _response(wrong_method(request.method, PAGE_METHODS))
    return _response(Refused(status, ErrorCode.SOURCE_UNKNOWN, nothing_at(request.url.path), headers=headers))


def nothing_at(path: str) -> str:
    """What the sender of a wrong address is told: the form of the right one, and never the token that was sent."""
    words = [word.lower() for word in path.split("/") if word][:2]
    if words == ["v1", "hooks"]:
        meant = f"A hook is at {hooks.PATH}, or at {hooks.PATH_SIGNED} where its sender signs, without any slash more."
    elif words[:1] == ["v1"] and words[1:] in (["events"], ["event"]):
        meant = (
            f"Events go to {events.PATH}, without any slash more; what became of one is at {event_lookup.SHOWN_PATH}."
        )
    elif path.endswith("/"):
        meant = "Take the slash at its end away."
    else:
        meant = f"Hooks are at {hooks.PATH}, events at {events.PATH}."
    return f"There is nothing at this address. {meant} GET /docs shows what there is."


async def _failed(_request: Request, error: Exception) -> Response:
    log.error("request.failed", source=responses.UNKNOWN, exc_info=error)
    return _response(responses.bug())


def _response(refused: Refused) -> Response:
    responses.count(responses.UNKNOWN, refused.status)
    return Response(refused.body(), refused.status, refused.headers, http_problems.CONTENT_TYPE)
