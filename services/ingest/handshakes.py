"""Challenges by which a publisher makes sure that an address wants its events. Answered, never made into events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson

from contracts.errors import ErrorCode
from services.ingest import forms
from services.ingest.auth.scheme import AuthRequest, same
from services.ingest.body import parse
from services.ingest.http_problems import Refused
from services.ingest.responses import Response
from services.ingest.sources.hook import Hook

LONGEST = 4096
PRINTABLE = re.compile(rb"[\x20-\x7e]{1,4096}")
# As text and nothing else: a browser must not run what a stranger wrote into an address.
NOSNIFF = (b"x-content-type-options", b"nosniff")
TEXT = b"text/plain; charset=utf-8"


def subscription(hook: Hook, query: bytes) -> Response | None:
    """`GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`: the challenge; None when it is none.

    Raises Refused: 403 unless the token is the source's `verify_token`. Source: WebSub 1.0 section 5.3, and
    https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
    """
    values = _parameters(query)
    challenge = values.get("hub.challenge")
    if values.get("hub.mode") not in {"subscribe", "unsubscribe"} or not challenge or not hook.verify_tokens:
        return None
    if not same(values.get("hub.verify_token", "").encode(), hook.verify_tokens):
        raise Refused(
            HTTPStatus.FORBIDDEN,
            ErrorCode.UNAUTHENTICATED,
            "hub.verify_token is not the verify_token of this source.",
        )
    return _echoed(challenge)


def methods(hook: Hook) -> tuple[str, ...]:
    """What the address of a source takes."""
    declared = hook.handshakes
    asks = bool(hook.verify_tokens or declared.queries or declared.checks)
    found = ("POST", *(["GET"] if asks or hook.from_query else []), *(["HEAD"] if declared.checks else []))
    return (*found, "OPTIONS")


def options(headers: dict[bytes, bytes], allowed: Sequence[str]) -> Response:
    """`OPTIONS`: what the address takes; and where CloudEvents' abuse protection asks, that the origin may send.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
    """
    answer = [(b"allow", ", ".join(allowed).encode())]
    origin = headers.get(b"webhook-request-origin")
    if origin and len(origin) <= LONGEST:
        answer += [(b"webhook-allowed-origin", origin), (b"webhook-allowed-rate", b"*")]
    return Response(HTTPStatus.OK, b"", None, answer)


def slack(value: object) -> Response | None:
    """Slack's `url_verification`: its challenge; None when it is none. The request was proved already.

    Source: https://docs.slack.dev/reference/events/url_verification
    """
    if not isinstance(value, dict) or value.get("type") != "url_verification":
        return None
    challenge = value.get("challenge")
    if not isinstance(challenge, str) or len(challenge) > LONGEST:
        return None
    return Response(HTTPStatus.OK, orjson.dumps({"challenge": challenge}))


def asked(hook: Hook, request: AuthRequest) -> Response | None:
    """A declared challenge that stands outside of the body; None when it is none. Nothing has been proved.

    So the answer holds only what the request brought, and nothing is kept of it.
    """
    declared = hook.handshakes
    for name in declared.headers:
        value = request.header(name)
        if PRINTABLE.fullmatch(value):
            return Response(HTTPStatus.OK, b"", None, [(name.lower().encode(), value)])
    if declared.queries:
        values = _parameters(request.query)
        challenge = next((values[name] for name in declared.queries if values.get(name)), None)
        if challenge is not None:
            return _echoed(challenge)
    if declared.checks and request.method in {"GET", "HEAD"}:
        return Response(HTTPStatus.OK, b"", None)
    return None


def said(hook: Hook, request: AuthRequest) -> Response | None:
    """A declared challenge or ping that is the body; None when it is none. It need not be signed: see `asked`."""
    declared = hook.handshakes
    if not declared.in_body or len(request.body) > LONGEST:
        return None
    body = _fields(request)
    for name in declared.fields:
        value = body.get(name)
        if isinstance(value, str) and value:
            return Response(HTTPStatus.OK, orjson.dumps({name: value}))
    if body and frozenset(body) in declared.pings:
        return Response(HTTPStatus.OK, b"", None)
    return None


def _fields(request: AuthRequest) -> dict[str, object]:
    kind = request.header("content-type").decode("latin-1")
    try:
        body = forms.parse(request.body, kind) if forms.is_form(kind, request.body) else parse(request.body)
    except Refused:
        return {}
    return body if isinstance(body, dict) else {}


def _parameters(query: bytes) -> dict[str, str]:
    return dict(parse_qsl(query.decode("latin-1"), max_num_fields=100) if len(query) <= LONGEST else ())


def _echoed(challenge: str) -> Response:
    return Response(HTTPStatus.OK, challenge.encode(), TEXT, [NOSNIFF])
