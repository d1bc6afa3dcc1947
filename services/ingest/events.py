"""`POST /v1/events`: whole events from other teams' services, as CloudEvents 1.0: structured, binary or a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from prometheus_client import Counter
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from contracts.events import OURS, Event
from contracts.ids import within
from contracts.triggers.payload import Payload
from services.ingest import cloudevents, handshakes, metrics, odd_fields
from services.ingest.accepting import EventAcceptor, PublishableEvent
from services.ingest.auth.event_tokens import EventToken, EventTokens
from services.ingest.auth.scheme import AuthRequest, Proven, request_of, unproven
from services.ingest.body import parse, read
from services.ingest.cloudevents import ContentMode
from services.ingest.decompression import unpacked
from services.ingest.http_problems import FieldError, Refused, pointer, wrong_method, wrong_shape
from services.ingest.in_flight import RequestsInFlight
from services.ingest.proved_request import ProvedRequest
from services.ingest.refusals import Refusals
from services.ingest.responses import UNKNOWN, Response, answer
from services.runtime.documents.suggestion import suggestion

PATH = "/v1/events"
METHODS = ("POST", "OPTIONS")
SOURCE = "events"
ROOM_BYTES = 16_384
"""What an envelope may add to a payload of the largest size."""
Triggers = Mapping[str, type[Payload]]


@dataclass(frozen=True)
class EventSender:
    """Who sends whole events, as what is refused of them is kept under: see KnownSource."""

    token: str
    account: str
    name: str = SOURCE
    uri: str = PATH
    hides: bool = False
    body_bytes: int | None = None

    @classmethod
    def of(cls, token: EventToken) -> EventSender:
        """By its token."""
        return cls(token.name, token.account or "default")

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """All of it."""
        return value


class EventBodies:
    """From the body of a sender whose token was proved to its events. `most_bytes`: of a body, with its envelope."""

    def __init__(self, tokens: EventTokens, taker: EventAcceptor, most_bytes: int, triggers: Triggers) -> None:
        self.tokens = tokens
        self.most_bytes = most_bytes + ROOM_BYTES
        self._taker = taker
        self._triggers = triggers

    async def take(
        self,
        token: EventToken,
        request: AuthRequest,
        *,
        unpacked_to: Callable[[int], None] = lambda _: None,
        received: datetime | None = None,
    ) -> Response:
        """202 once Kafka has every event. `unpacked_to` is told how large a compressed body is.

        `received`: when a body came that is read again. Raises Refused: 400, 403, 413, 415, 422, 503.
        """
        body, encoding = request.body, request.header("content-encoding").decode("latin-1")
        if encoding:
            body = unpacked(body, encoding, self.most_bytes)
            unpacked_to(len(body))
        how = cloudevents.mode(request.headers)
        events = []
        for index, document in enumerate(cloudevents.documents(how, request.headers, parse(body))):
            below = (index,) if how is ContentMode.BATCH else ()
            event = accept(document, self._triggers, below, account=token.account, received=received)
            permit(token, event, below)
            events.append(event)
        return await self._taker.take([_ready(event) for event in events])


class EventsEndpoint:
    """A bare ASGI application. The sender's `id` and `source` are kept: the same pair again is a duplicate."""

    def __init__(self, bodies: EventBodies, refusals: Refusals, in_flight: RequestsInFlight) -> None:
        self._bodies = bodies
        self._refusals = refusals
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = request_of(scope, None, time.time())
        token = self._bodies.tokens.of(request)
        await answer(SOURCE if token else UNKNOWN, self._answer(request, receive, token), send)

    async def _answer(self, request: AuthRequest, receive: Receive, token: EventToken | None) -> Response:
        if request.method == "OPTIONS":
            return handshakes.options(request.headers, METHODS)
        if request.method != "POST":
            raise wrong_method(request.method, METHODS)
        if token is None:
            raise not_proven()
        with self._in_flight.hold(f"{SOURCE} {token.name}", None, proven=True) as held:
            try:
                request.body = await read(request, receive, self._bodies.most_bytes, held)
                return await self._bodies.take(token, request, unpacked_to=held.add)
            except Refused as refused:
                came = ProvedRequest(EventSender.of(token), request, Proven())
                await self._refusals.keep_sent(came, refused, receive, self._bodies.most_bytes)
                raise


def not_proven() -> Refused:
    """The 401 of this address and of the look-up."""
    return unproven(
        "Send `Authorization: Bearer TOKEN` with a token of this installation: `flows tokens new` makes one.",
        challenge="Bearer",
    )


def _ready(event: Event) -> PublishableEvent:
    accepted = counter(event.type)
    keep = event.duplicateseconds
    return PublishableEvent(
        (event.account, event.source), event.id, event.key, event.to_bytes(), accepted, keep, event.contentid
    )


@lru_cache(4096)
def counter(trigger: str) -> Counter:
    """Counts the events of a trigger that came in here."""
    return metrics.EVENTS_ACCEPTED.labels(source=SOURCE, trigger=trigger)


def permit(token: EventToken, event: Event, below: tuple[str | int, ...] = ()) -> None:
    """Raises Refused: 403 for an account or a source that the token does not speak for."""
    for name, value, may in (
        ("account", event.account, token.speaks_for_account(event.account)),
        ("source", event.source, token.speaks_as(event.source)),
    ):
        if not may:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                ErrorCode.UNAUTHENTICATED,
                f"The token {token.name!r} does not speak for the {name} {value[:200]!r}. Send what is yours, or have "
                "the token bound to it; nobody sends under a source of hooks, polls and schedules.",
                errors=[FieldError(pointer=pointer((*below, name)), detail="is not what this token is bound to")],
            )


def accept(
    value: Any,  # noqa: ANN401 - any JSON value
    triggers: Triggers,
    below: tuple[str | int, ...] = (),
    *,
    account: str | None = None,
    received: datetime | None = None,
) -> Event:
    """The event as the topic gets it: `data` read by its trigger's model, `subject` and `time` filled in if absent.

    `account`: of an event that names none. `received`: when it came, where that is not now. What only we can know of an
    event is left out, whatever the sender says.
    Raises Refused: 422 with a pointer for each field that is wrong; `below` is where the event stands in a batch.
    """
    if not isinstance(value, dict):
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ErrorCode.SHAPE_INVALID,
            "Send one CloudEvent, a JSON object; or a batch as application/cloudevents-batch+json.",
            errors=[FieldError(pointer=pointer(below), detail="must be a JSON object")],
        )
    payload = _payload(value, triggers, below)
    document = {name: item for name, item in value.items() if item is not None and name not in OURS}
    if account is not None:
        document.setdefault("account", account)
    derived = within((payload.subject() if payload else None) or "")
    # The last one only where there is no id: then the fault to tell is that.
    document["subject"] = document.get("subject") or derived or document.get("id") or "-"
    document["accepted"] = received or datetime.now(UTC)
    if payload is not None:
        odd_fields.count(SOURCE, payload)
        document["data"] = orjson.loads(payload.to_json())
        if "time" not in document and payload.happened():
            document["time"] = payload.happened()
    try:
        return Event.model_validate(document)
    except ValidationError as error:
        raise wrong_shape(error, below=below) from None


def _payload(value: dict[str, Any], triggers: Triggers, below: tuple[str | int, ...]) -> Payload | None:
    """None when the envelope itself will be refused: then its faults are told first."""
    name = value.get("type")
    if not isinstance(name, str) or not name or not isinstance(value.get("data"), dict):
        return None
    trigger = triggers.get(name)
    if trigger is None:
        near = suggestion(name, triggers)
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ErrorCode.SHAPE_INVALID,
            f"There is no trigger {name!r}; {near}",
            errors=[FieldError(pointer=pointer((*below, "type")), detail=f"there is no such trigger; {near}")],
        )
    try:
        return trigger.read(value["data"])
    except ValidationError as error:
        raise wrong_shape(error, below=(*below, "data")) from None
