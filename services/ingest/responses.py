"""From what an endpoint does to an HTTP answer: 202, a problem, and never a stack trace."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import NamedTuple

import orjson
from prometheus_client import Counter
from starlette.types import Send

from contracts.errors import ErrorCode
from services.ingest import http_problems, metrics
from services.ingest.http_problems import FieldError, Refused
from services.runtime import logging

UNKNOWN = "unknown"
"""The `source` label of requests that name no hook, or prove nothing."""

JSON = b"application/json"
MOST_UNREAD = 50

log = logging.get("http")
_counters: dict[tuple[str, int], Counter] = {}


Headers = Sequence[tuple[bytes, bytes]]


class Response(NamedTuple):
    """An answer that is no refusal."""

    status: HTTPStatus
    body: bytes
    content_type: bytes | None = JSON
    headers: Headers = ()


def accepted(ids: Sequence[str], *, duplicate: bool, unread: Sequence[FieldError] = ()) -> Response:
    """The 202: `id` of the one event, or `ids` of all, in order. `duplicate`: Kafka had acknowledged all of them.

    `unread`: the items that are no events, of which there are dead letters.
    """
    body: dict[str, object] = {"id": ids[0]} if len(ids) == 1 else {"ids": list(ids)}
    if duplicate:
        body["duplicate"] = True
    if unread:
        body["unread"] = list(unread)
    return Response(HTTPStatus.ACCEPTED, orjson.dumps(body))


async def answer(source: str, work: Awaitable[Response], send: Send, beside: Headers = ()) -> None:
    """Do the work, and answer the request with what it gives or how it refuses; `beside` stands in each answer."""
    try:
        reply = await work
        status, body = reply.status.value, reply.body
        headers = [*reply.headers, (b"content-type", reply.content_type)] if reply.content_type else [*reply.headers]
    except Refused as refused:
        status, headers, body = _refusal(refused)
        # Who set up a hook wants to read why it is refused. Strangers, and a Kafka that is away, must not fill the log.
        stranger = source == UNKNOWN or status == HTTPStatus.NOT_FOUND
        quiet = stranger or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        tell = log.debug if quiet else log.info
        fields = refused.members.get("errors")
        tell(
            "request.refused",
            source=source,
            status=status,
            code=refused.code.value,
            cause=refused.detail,
            fields=fields,
        )
    except Exception:
        log.exception("request.failed", source=source)
        status, headers, body = _refusal(bug())
    count(source, status)
    if beside:
        headers = [*headers, *beside]
    if status != HTTPStatus.NO_CONTENT:  # RFC 9110, 8.6: it has no body, and says nothing of its length
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bug() -> Refused:
    """The answer to what nobody foresaw."""
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.BUG,
        "The event is not accepted, by a fault of ours that is in our log. Send the same request again later.",
    )


def count(source: str, status: int) -> None:
    """Count one answer."""
    counter = _counters.get((source, status))
    if counter is None:
        counter = _counters[source, status] = metrics.INGEST_RESPONSES.labels(source=source, status=str(status))
    counter.inc()


def _refusal(refused: Refused) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(b"content-type", http_problems.CONTENT_TYPE.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    return refused.status.value, headers, refused.body()
