"""Challenges by which a publisher makes sure that an address wants its events. Answered, never made into events."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import same
from services.ingest.http_problems import Refused
from services.ingest.responses import Response
from services.ingest.sources.hook import Hook

LONGEST = 4096


def subscription(hook: Hook, query: bytes) -> Response | None:
    """`GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`: the challenge; None when it is none.

    Raises Refused: 403 unless the token is the source's `verify_token`. Source: WebSub 1.0 section 5.3, and
    https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
    """
    values = dict(parse_qsl(query.decode("latin-1"), max_num_fields=100) if len(query) <= LONGEST else ())
    challenge = values.get("hub.challenge")
    if values.get("hub.mode") not in {"subscribe", "unsubscribe"} or not challenge or not hook.verify_tokens:
        return None
    if not same(values.get("hub.verify_token", "").encode(), hook.verify_tokens):
        raise Refused(
            HTTPStatus.FORBIDDEN,
            ErrorCode.UNAUTHENTICATED,
            "hub.verify_token is not the verify_token of this source.",
        )
    # As text and nothing else: a browser must not run what a stranger wrote into an address.
    headers = [(b"x-content-type-options", b"nosniff")]
    return Response(HTTPStatus.OK, challenge.encode(), b"text/plain; charset=utf-8", headers)


def abuse_protection(headers: dict[bytes, bytes]) -> Response:
    """`OPTIONS` of CloudEvents: the origin that asks may send.

    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
    """
    answer = [(b"allow", b"POST")]
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
