"""The ASGI application: the two hot routes, and FastAPI for everything that people read."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from contracts.errors import ErrorCode
from services.ingest import answers, events, hooks, openapi, problems
from services.ingest.answers import InFlight
from services.ingest.problems import Refused
from services.ingest.publisher import Publisher
from services.ingest.sources.hook import Hooks
from services.runtime import logging
from services.runtime.settings import IngestSettings

log = logging.get("http")


def build(settings: IngestSettings, sources: Hooks, publisher: Publisher) -> ASGIApp:
    """The application. The hot routes stand before FastAPI, so that its middleware costs them nothing."""
    in_flight = InFlight(settings.max_in_flight)
    most = settings.max_body_bytes
    hook = hooks.HookEndpoint(sources, publisher, in_flight, most)
    event = events.EventsEndpoint(settings.events_token, publisher, in_flight, most)
    # No `methods`: the endpoints answer a wrong method themselves, as a problem.
    routes = [Route(hooks.PATH, hook), Route(events.PATH, event)]
    return Router(routes, redirect_slashes=False, default=_pages())


def _pages() -> FastAPI:
    api = FastAPI(title=openapi.TITLE, version=openapi.version(), description=openapi.DESCRIPTION, redoc_url=None)

    @api.get("/", include_in_schema=False)
    async def index() -> dict[str, str]:
        return {"service": openapi.TITLE, "docs": "/docs", "openapi": "/openapi.json"}

    api.openapi = openapi.document(api)  # type: ignore[method-assign]  # FastAPI's own way to change the document
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(Exception, _failed)
    return api


async def _refused(_request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    headers = error.headers if isinstance(error, HTTPException) else None
    detail = "There is nothing at this address; GET /docs shows what there is."
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = "This address does not take this method; GET /docs shows what there is."
    return _response(Refused(status, ErrorCode.SOURCE_UNKNOWN, detail, headers=headers))


async def _failed(_request: Request, error: Exception) -> Response:
    log.error("request.failed", source=answers.UNKNOWN, exc_info=error)
    return _response(answers.bug())


def _response(refused: Refused) -> Response:
    answers.count(answers.UNKNOWN, refused.status)
    return Response(refused.body(), refused.status, refused.headers, problems.CONTENT_TYPE)
