"""`POST /v1/events`: whole events from other teams' services, as CloudEvents 1.0 structured JSON."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from prometheus_client import Counter
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.ingest.answers import UNKNOWN, InFlight, answer
from services.ingest.body import parse, read
from services.ingest.hooks import only_post
from services.ingest.problems import FieldError, Refused, wrong_shape
from services.ingest.publisher import Publisher
from services.ingest.sources.load import nearest
from services.runtime import metrics

PATH = "/v1/events"
SOURCE = "events"
ROOM_BYTES = 16_384
"""What an envelope may add to a payload of the largest size."""


class EventsEndpoint:
    """A bare ASGI application. The sender's `id` and `source` are kept: the same pair again is a duplicate."""

    def __init__(self, token: str | None, publisher: Publisher, in_flight: InFlight, most_bytes: int) -> None:
        self._token = token.encode() if token else None
        self._publisher = publisher
        self._in_flight = in_flight
        self._most_bytes = most_bytes + ROOM_BYTES
        self._accepted: dict[str, Counter] = {
            name: metrics.EVENTS_ACCEPTED.labels(source=SOURCE, trigger=name) for name in TRIGGERS
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        known = self._proven(scope)
        await answer(SOURCE if known else UNKNOWN, self._take(scope, receive, known=known), send)

    def _proven(self, scope: Scope) -> bool:
        sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, token = sent.partition(b" ")
        right = self._token if self._token is not None else b""
        return hmac.compare_digest(token.strip(), right) and scheme.lower() == b"bearer" and self._token is not None

    async def _take(self, scope: Scope, receive: Receive, *, known: bool) -> str:
        only_post(scope)
        if not known:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                ErrorCode.SOURCE_UNKNOWN,
                "Send `Authorization: Bearer TOKEN` with the token that ingest was given as FLOWS_EVENTS_TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        with self._in_flight:
            event = accept(parse(await read(scope, receive, self._most_bytes)))
            await self._publisher.publish(event.key, event.to_bytes(), self._accepted[event.type])
        return event.id


def accept(value: Any) -> Event:  # noqa: ANN401 - any JSON value
    """The event as the topic gets it: `data` read by its trigger's model, `subject` and `time` filled in if absent.

    Raises Refused: 422 with a pointer for each field that is wrong.
    """
    if not isinstance(value, dict):
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ErrorCode.SHAPE_INVALID,
            "Send one CloudEvent in structured mode: a JSON object. Batches are not taken.",
            errors=[FieldError(pointer="", detail="must be a JSON object")],
        )
    payload = _payload(value)
    document = {name: item for name, item in value.items() if item is not None}
    derived = payload.subject() if payload else None
    # The last one only where there is no id: then the fault to tell is that.
    document["subject"] = document.get("subject") or derived or document.get("id") or "-"
    document["accepted"] = datetime.now(UTC)
    if payload is not None:
        document["data"] = orjson.loads(payload.to_json())
    try:
        return Event.model_validate(document)
    except ValidationError as error:
        raise wrong_shape(error) from None


def _payload(value: dict[str, Any]) -> Payload | None:
    """None when the envelope itself will be refused: then its faults are told first."""
    name = value.get("type")
    if not isinstance(name, str) or not name or not isinstance(value.get("data"), dict):
        return None
    trigger = TRIGGERS.get(name)
    if trigger is None:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ErrorCode.SHAPE_INVALID,
            f"There is no trigger {name!r}; {nearest(name)}",
            errors=[FieldError(pointer="/type", detail=f"there is no such trigger; {nearest(name)}")],
        )
    try:
        return trigger.read(value["data"])
    except ValidationError as error:
        raise wrong_shape(error, below=("data",)) from None
