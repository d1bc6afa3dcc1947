"""`POST /v1/hooks/{source}/{token}`, or without token where the source signs: what a sender's webhook calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from services.ingest import handshakes, origins
from services.ingest.auth import networks
from services.ingest.auth.given_secret import GivenSecret
from services.ingest.auth.scheme import AuthRequest, AuthScheme, Proven, request_of
from services.ingest.body import read
from services.ingest.hook_bodies import HookBodies
from services.ingest.http_problems import Refused, wrong_method
from services.ingest.in_flight import HeldRequest, RequestsInFlight
from services.ingest.parsed_bodies import sent_of
from services.ingest.proofs import Proofs
from services.ingest.proved_request import ProvedRequest
from services.ingest.refusals import Refusals
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
    bodies: HookBodies
    refusals: Refusals
    in_flight: RequestsInFlight
    replays: ReplayedRequests
    proofs: Proofs
    limits: dict[str, SourceLimit]
    most_bytes: int


class HookEndpoint:
    """This is the hot path. Answers 202 with the event's id once Kafka has the event."""

    def __init__(self, parts: HookDependencies) -> None:
        self._parts = parts

    async def answer(self, name: str, token: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a source's address. The token is in no log, no metric and no answer."""
        hook = self._parts.hooks.find(name, token)
        # A wrong token counts under the name: whoever set it up wants to see that.
        source = name if self._parts.hooks.named(name) else UNKNOWN
        request = request_of(scope, networks.peer(scope), time.time())
        beside = () if hook is None else origins.shown_to(hook, request)
        await answer(source, self._answer(hook, request, scope, receive), send, beside)

    async def _answer(self, hook: Hook | None, request: AuthRequest, scope: Scope, receive: Receive) -> Response:
        if hook is None:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                ErrorCode.SOURCE_UNKNOWN,
                "There is no such hook, or its token is wrong. Compare the whole URL with the one you were given.",
            )
        challenge = _handshake(hook, request)
        if challenge is not None:
            return challenge
        peer = networks.sender(scope, hook.proxies) if hook.proxies else request.client
        if hook.networks:
            networks.require(peer, hook.networks)
        if isinstance(hook.proof, GivenSecret):
            given = await self._parts.proofs.given.handshake(hook, hook.proof, request)
            if given is not None:
                return given
        most = hook.body_bytes or self._parts.most_bytes
        proven = None
        if hook.proof is None or not hook.proof.needs_body:
            proven = await self._admit(hook, request)
        else:
            _begin(hook, hook.proof, request)
        # A token in the address is a proof, and comes before the body.
        known = proven is not None or bool(hook.tokens)
        with self._parts.in_flight.hold(hook.name, peer and peer.packed, proven=known) as held:
            try:
                request.body = await read(request, receive, most, held)
                challenge = handshakes.said(hook, request)
                if challenge is not None:
                    return challenge
                proven = proven or await self._admit(hook, request)
                return await self._take(hook, request, proven, held)
            except Refused as refused:
                # Of strangers nothing is kept: they could fill it.
                if proven is not None:
                    came = ProvedRequest(hook, request, proven)
                    await self._parts.refusals.keep_sent(came, refused, receive, most)
                raise

    async def _admit(self, hook: Hook, request: AuthRequest) -> Proven:
        """The proof first: a stranger must not use up what the source may send."""
        proven = await self._parts.proofs.check(hook, request)
        limit = self._parts.limits.get(hook.name)
        if limit is not None:
            await limit.take()
        return proven

    async def _take(self, hook: Hook, request: AuthRequest, proven: Proven, held: HeldRequest) -> Response:
        marks = await self._parts.replays.check(hook, request, proven) if hook.refuse_replays else ()
        most = hook.body_bytes or self._parts.most_bytes
        sent = sent_of(request, proven, most)
        if sent.body is not request.body:
            held.add(len(sent.body))
        challenge = handshakes.slack(sent.parts[0].value) if sent.parts else None
        if challenge is not None:
            return challenge
        reply = await self._parts.bodies.take(ProvedRequest(hook, request, proven), sent)
        if marks:
            await self._parts.replays.add(hook, marks)
        return reply if hook.answer is None else declared_answer(hook.answer)


def _handshake(hook: Hook, request: AuthRequest) -> Response | None:
    """The answer to a challenge outside of a body; None when the request brings an event. Raises Refused: 403, 405."""
    if origins.is_preflight(request):
        return origins.preflight(hook, request)
    origins.require(hook, request)
    if request.method == "OPTIONS":
        return handshakes.options(request.headers, handshakes.methods(hook))
    challenge = handshakes.subscription(hook, request.query) if request.method == "GET" else None
    challenge = challenge or handshakes.asked(hook, request)
    if challenge is None and request.method != "POST" and not (hook.from_query and request.method == "GET"):
        raise wrong_method(request.method, handshakes.methods(hook))
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
