"""`GET /v1/events/{id}`: what became of an event."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from services.ingest import event_ends
from services.ingest.acknowledged_ids import AcknowledgedIds
from services.ingest.auth.event_tokens import EventToken, EventTokens
from services.ingest.auth.scheme import request_of
from services.ingest.database import Database, unavailable
from services.ingest.events import SOURCE, not_proven
from services.ingest.http_problems import Refused, wrong_method
from services.ingest.responses import UNKNOWN, Response, answer
from services.runtime.database import FAULTS

PATH = "/v1/events/{id:path}"
SHOWN_PATH = "/v1/events/{id}"
METHODS = ("GET", "HEAD")


class EventLookupEndpoint:
    """A bare ASGI application, under the same tokens as `POST /v1/events`: each sees what is its own."""

    def __init__(self, tokens: EventTokens, data: Database, acknowledged: AcknowledgedIds) -> None:
        self._tokens = tokens
        self._data = data
        self._acknowledged = acknowledged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        request = request_of(scope, None, 0.0)
        token = self._tokens.of(request)
        identity = scope["path_params"]["id"]
        await answer(SOURCE if token else UNKNOWN, self._answer(request.method, identity, token), send)

    async def _answer(self, method: str, identity: str, token: EventToken | None) -> Response:
        if method not in METHODS:
            raise wrong_method(method, METHODS)
        if token is None:
            raise not_proven()
        try:
            ends = await event_ends.find(self._data.required(), identity)
        except FAULTS:
            raise unavailable() from None
        found = [end for end in ends if token.may_see(str(end["account"]), str(end["source"]))]
        if not found and not any(token.may_see(*origin) for origin in self._acknowledged.origins(identity)):
            raise Refused(
                HTTPStatus.NOT_FOUND,
                ErrorCode.EVENT_UNKNOWN,
                "No end of an event with this id is known: it is still on its way, or older than what is kept, or "
                "there was none.",
            )
        state = "ended" if found else "in_flight"
        body = orjson.dumps({"id": identity, "state": state, "ends": found})
        return Response(HTTPStatus.OK, b"" if method == "HEAD" else body)
