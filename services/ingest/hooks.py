"""`POST /v1/hooks/{source}/{token}`, or without token where the source signs: what a sender's webhook calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from contracts.triggers.sent_times import moment
from services.ingest import cloudevents, forms, handshakes, xml_bodies
from services.ingest.accepting import EventAcceptor, PublishableEvent
from services.ingest.auth import networks
from services.ingest.auth.scheme import AuthRequest, AuthScheme, Proven, request_of
from services.ingest.body import parse, read
from services.ingest.cloudevents import ContentMode
from services.ingest.decompression import unpacked
from services.ingest.envelope import content_id, envelope, event_id
from services.ingest.http_problems import Refused, wrong_shape
from services.ingest.in_flight import HeldRequest, RequestsInFlight
from services.ingest.readers.reader import Reading, ReceivedBody
from services.ingest.replayed_requests import ReplayedRequests
from services.ingest.responses import UNKNOWN, Response, answer
from services.ingest.source_limits import SourceLimit
from services.ingest.sources.hook import Answer, Hook, Hooks

PATH = "/v1/hooks/{source}/{token}"
PATH_SIGNED = "/v1/hooks/{source}"
HIDDEN_PATH = "/v1/hooks/"


@dataclass(frozen=True)
class HookDependencies:
    """What the endpoint works with."""

    hooks: Hooks
    taker: EventAcceptor
    in_flight: RequestsInFlight
    replays: ReplayedRequests
    limits: dict[str, SourceLimit]
    most_bytes: int


class HookEndpoint:
    """A bare ASGI application: this is the hot path. Answers 202 with the event's id once Kafka has the event."""

    def __init__(self, parts: HookDependencies) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. The token is in no log, no metric and no answer."""
        parameters = scope["path_params"]
        hook = self._parts.hooks.find(parameters["source"], parameters.get("token"))
        await answer(hook.name if hook else UNKNOWN, self._answer(hook, scope, receive), send)

    async def _answer(self, hook: Hook | None, scope: Scope, receive: Receive) -> Response:
        if hook is None:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                ErrorCode.SOURCE_UNKNOWN,
                "There is no such hook, or its token is wrong. Compare the whole URL with the one you were given.",
            )
        request = request_of(scope, networks.peer(scope), time.time())
        challenge = _handshake(hook, request)
        if challenge is not None:
            return challenge
        peer = networks.sender(scope, hook.proxies)
        if hook.networks:
            networks.require(peer, hook.networks)
        most = hook.body_bytes or self._parts.most_bytes
        proven = None
        if hook.proof is None or not hook.proof.needs_body:
            proven = await self._admit(hook, request)
        else:
            _begin(hook, hook.proof, request)
        # A token in the address is a proof, and comes before the body.
        known = proven is not None or bool(hook.tokens)
        with self._parts.in_flight.hold(hook.name, peer, proven=known) as held:
            body = await read(scope, receive, most, held)
            request = replace(request, body=body)
            challenge = handshakes.said(hook, request)
            if challenge is not None:
                return challenge
            return await self._take(hook, request, proven or await self._admit(hook, request), held)

    async def _admit(self, hook: Hook, request: AuthRequest) -> Proven:
        """The proof first: a stranger must not use up what the source may send."""
        proven = Proven() if hook.proof is None else hook.proof.check(request)
        limit = self._parts.limits.get(hook.name)
        if limit is not None:
            await limit.take()
        return proven

    async def _take(self, hook: Hook, request: AuthRequest, proven: Proven, held: HeldRequest) -> Response:
        marks = await self._parts.replays.check(hook, request, proven) if hook.refuse_replays else ()
        encoding = request.headers.get(b"content-encoding")
        body = request.body
        if encoding:
            body = unpacked(body, encoding.decode("latin-1"), hook.body_bytes or self._parts.most_bytes)
            held.add(len(body))
        sent = sent_of(request, body, proven)
        challenge = handshakes.slack(sent[0].value) if sent else None
        if challenge is not None:
            return challenge
        reply = await self._parts.taker.take(
            events_of(hook, sent, cloudevents.content(proven.told(request.headers), body or request.query))
        )
        if marks:
            await self._parts.replays.add(hook, marks)
        return reply if hook.answer is None else declared_answer(hook.answer)


def _handshake(hook: Hook, request: AuthRequest) -> Response | None:
    """The answer to a challenge outside of a body; None when the request brings an event. Raises Refused: 405."""
    if request.method == "OPTIONS":
        return handshakes.abuse_protection(request.headers)
    challenge = handshakes.subscription(hook, request.query) if request.method == "GET" else None
    challenge = challenge or handshakes.asked(hook, request)
    if challenge is None and request.method != "POST" and not (hook.from_query and request.method == "GET"):
        raise only_post(request.method)
    return challenge


def _begin(hook: Hook, proof: AuthScheme, request: AuthRequest) -> None:
    """Raises Refused: 401 when no proof can come of the body.

    What is not signed can be a challenge, where its source declares that bodies are: these are short, and say so.
    """
    try:
        proof.begin(request)
    except Refused:
        length = request.header("content-length")
        if not (hook.handshakes.in_body and length.isdigit() and int(length[:9]) <= handshakes.LONGEST):
            raise


def declared_answer(answer: Answer) -> Response:
    """What the source's sender takes for success."""
    return Response(HTTPStatus(answer.status), answer.body, answer.content_type)


def sent_of(request: AuthRequest, body: bytes, proven: Proven) -> list[ReceivedBody]:
    """The parsed body, or what is in its batch; of each CloudEvent its data, with what the envelope says.

    Of a signed request only what is signed says what it is: headers can be added by whoever sends it again.
    """
    kind = request.headers.get(b"content-type", b"").decode("latin-1")
    plain = _no_json(request, kind, body)
    if plain is not None:
        return [ReceivedBody(plain, request.headers, query=request.query)]
    value = parse(body)
    told = proven.told(request.headers)
    how = cloudevents.mode(told)
    if how is ContentMode.NONE and proven.headers is not None:
        how = cloudevents.mode_of(value)
    if how is ContentMode.NONE:
        return [ReceivedBody(value, request.headers, query=request.query)]
    found = cloudevents.documents(how, told, value)
    return [
        _unwrapped(document, request, (index,) if how is ContentMode.BATCH else ())
        for index, document in enumerate(found)
    ]


def _no_json(request: AuthRequest, kind: str, body: bytes) -> dict[str, object] | None:
    """What a query, a form or XML says; None: it is to be read as JSON."""
    if request.method == "GET":
        return forms.parse(request.query, forms.URLENCODED)
    if forms.is_form(kind, body):
        return forms.parse(body, kind)
    return xml_bodies.parse(body) if xml_bodies.is_xml(kind) else None


def _unwrapped(document: Any, request: AuthRequest, path: tuple[int, ...]) -> ReceivedBody:  # noqa: ANN401 - any JSON value
    if not isinstance(document, dict) or "data" not in document:
        return ReceivedBody(document, request.headers, path=path, query=request.query)
    identity, origin = _text(document.get("id")), _text(document.get("source"))
    return ReceivedBody(
        document["data"],
        request.headers,
        identity=f"{origin} {identity}" if identity else None,
        time=moment(document.get("time")),
        subject=_text(document.get("subject")) or None,
        path=path and (*path, "data"),
        query=request.query,
    )


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value[:512] if isinstance(value, str) else ""


def events_of(hook: Hook, sent: Sequence[ReceivedBody], body: bytes) -> list[PublishableEvent]:
    """The events that a body holds, ready for Kafka: all of them, or none. Raises Refused: 422.

    `body` is what identifies those without an id: the body, with what stands of the event outside of it.
    """
    events = []
    for index, reading in enumerate(reading for one in sent for reading in _readings(hook, one)):
        identity = event_id(hook.uri, reading, body, index)
        content = content_id(hook.uri, reading, body)
        keep = hook.duplicate_seconds if content is None else hook.repeat_seconds or reading.repeat_seconds
        key, value = envelope(hook.uri, hook.account, reading, identity, duplicate_seconds=keep, content=content)
        counter = hook.accepted[reading.payload.trigger]
        events.append(PublishableEvent((hook.account, hook.uri), identity, key, value, counter, keep, content))
    return events


def _readings(hook: Hook, sent: ReceivedBody) -> Sequence[Reading]:
    try:
        return hook.reader.read(sent)
    except ValidationError as error:
        raise wrong_shape(error, below=sent.path) from None


def only_post(method: str) -> Refused:
    """The 405 for any other method."""
    return Refused(
        HTTPStatus.METHOD_NOT_ALLOWED,
        ErrorCode.METHOD_NOT_ALLOWED,
        f"This address takes POST, not {method}.",
        headers={"Allow": "POST"},
    )
