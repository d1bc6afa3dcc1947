"""A refused body as a record of `refused.dlq`, and back: the request that is read again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from contracts.events import partition_key
from contracts.refused import HEADER, RefusedRequest
from contracts.topics import MAX_MESSAGE_BYTES, REFUSED
from services.ingest import cloudevents
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.cloudevents import ContentMode
from services.ingest.http_problems import Refused
from services.ingest.parsed_bodies import value_of
from services.ingest.proved_request import KnownSource, ProvedRequest
from services.ingest.sources.body_forms import SECRET_WORDS
from services.ingest.sources.hook import Hook
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.dead_letters import FIRST_BYTES

JSON = "application/json"
MOST_HEADERS = 64
LONGEST = 1024
PROOFS = (*SECRET_WORDS, "hmac", "credential")
OF_THE_WIRE = frozenset({"content-length", "transfer-encoding", "connection", "host"})
OF_THE_BODY = frozenset({"content-encoding", "content-type"})


Kept = tuple[ConsumedRecord, int | None]
"""The record as it would have been in `refused`; and its body's size, where it holds only the first bytes of it."""


def body_record(came: ProvedRequest[KnownSource], most: int, cut: int | None = None) -> Kept:
    """A whole body, as it came; of a source that hides something without that, and nothing where it cannot be read.

    `cut`: its size, where only its beginning was read.
    """
    hook, request = came.hook, came.request
    headers = _headers(request.headers)
    if not hook.hides:
        return _record(came, headers, request.body, cut)
    if cut is not None:
        return _record(came, headers, b"", cut)
    try:
        shown = hook.shown(value_of(request, most))
    except Refused:
        return _record(came, headers, b"", len(request.body))
    return _record(came, _as_json(request, headers), orjson.dumps(shown))


def item_record(came: ProvedRequest[Hook], alone: Any, place: str) -> Kept:  # noqa: ANN401 - any JSON value
    """One item, as a body in which it stands alone."""
    headers = _as_json(came.request, _headers(came.request.headers))
    return _record(came, headers, orjson.dumps(alone), place=place)


def request_of(told: RefusedRequest, body: bytes) -> tuple[AuthRequest, Proven]:
    """The request that a record tells of, and its proof, which was made when it came."""
    headers = {
        name.encode("latin-1", "replace"): value.encode("latin-1", "replace") for name, value in told.headers.items()
    }
    signed = None if told.signed is None else frozenset(name.encode("latin-1", "replace") for name in told.signed)
    request = AuthRequest(
        told.method, "", told.query.encode("latin-1", "replace"), headers, body, now=told.received.timestamp()
    )
    return request, Proven(headers=signed)


def _record(
    came: ProvedRequest[KnownSource],
    headers: Mapping[str, str],
    body: bytes,
    size: int | None = None,
    *,
    place: str = "",
) -> Kept:
    request, proven = came.request, came.proven
    told = RefusedRequest(
        source=came.hook.name,
        received=came.received,
        method="POST" if place else request.method,
        query=_query(request.query),
        headers=dict(headers),
        signed=None if proven.headers is None else sorted(name.decode("latin-1") for name in proven.headers),
        token=came.hook.token,
        place=place,
    )
    if len(body) > MAX_MESSAGE_BYTES:
        body, size = body[:FIRST_BYTES], len(body)
    uri = came.hook.uri
    key = partition_key(came.hook.account, uri)
    return ConsumedRecord(REFUSED, uri, 0, 0, key, body, [(HEADER, told.to_bytes())]), size


def _headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Those that say something of the body, and none that proves who sent it."""
    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    kept = {
        name: value
        for name, value in told.items()
        if name not in OF_THE_WIRE and len(name) + len(value) <= LONGEST and not any(word in name for word in PROOFS)
    }
    return dict(list(kept.items())[:MOST_HEADERS])


def _as_json(request: AuthRequest, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a body that is JSON now, whatever it came as; an envelope of CloudEvents is still one."""
    how = cloudevents.mode(request.headers)
    kind = headers.get("content-type", "") if how in {ContentMode.STRUCTURED, ContentMode.BATCH} else JSON
    return {**{name: value for name, value in headers.items() if name not in OF_THE_BODY}, "content-type": kind}


def _query(query: bytes) -> str:
    text = query.decode("latin-1")
    if not any(word in text.lower() for word in PROOFS):
        return text
    pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    return urlencode(
        [pair for pair in pairs if not any(word in pair[0].lower() for word in PROOFS)], encoding="latin-1"
    )
