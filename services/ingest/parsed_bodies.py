"""From the bytes of a request to the values in it: unpacked, parsed, and taken out of their CloudEvents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from contracts.triggers.sent_times import moment
from services.ingest import cloudevents, forms, xml_bodies
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.body import parse
from services.ingest.cloudevents import ContentMode
from services.ingest.decompression import unpacked
from services.ingest.readers.reader import ReceivedBody


class Sent(NamedTuple):
    """The bytes of a body, unpacked; what identifies its events where they have no id; and what is in it.

    That is the parsed body, or of each CloudEvent its data, with what it says of it.
    """

    body: bytes
    content: bytes
    parts: Sequence[ReceivedBody]


def sent_of(request: AuthRequest, proven: Proven, most: int, again: str = "") -> Sent:
    """What was sent. Of a signed request only what is signed says what it is: anybody can add headers, and repeat it.

    `again`: the place of an item that is read again. Raises Refused: 400, 413, 415, 422.
    """
    body = _unpacked(request, most)
    told = proven.told(request.headers)
    how = cloudevents.mode(told)
    content = cloudevents.content(how, told, body or request.query)
    value = _no_json(request, body)
    if value is not None:
        texts = ReceivedBody(value, request.headers, query=request.query, texts=True, again=again)
        return Sent(body, content, (texts,))
    value = parse(body)
    if how is ContentMode.NONE and proven.headers is not None:
        how = cloudevents.mode_of(value)
    plain = ReceivedBody(value, request.headers, query=request.query, again=again)
    if how is ContentMode.NONE:
        return Sent(body, content, (plain,))
    found = cloudevents.documents(how, told, value)
    return Sent(body, content, [_unwrapped(document, plain, how, index) for index, document in enumerate(found)])


def value_of(request: AuthRequest, most: int) -> Any:  # noqa: ANN401 - any JSON value
    """The parsed body, whatever it carries. Raises Refused."""
    body = _unpacked(request, most)
    plain = _no_json(request, body)
    return parse(body) if plain is None else plain


def _unpacked(request: AuthRequest, most: int) -> bytes:
    encoding = request.headers.get(b"content-encoding")
    return unpacked(request.body, encoding.decode("latin-1"), most) if encoding else request.body


def _no_json(request: AuthRequest, body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """What a query, a form or XML says; None: it is to be read as JSON."""
    kind = request.headers.get(b"content-type", b"").decode("latin-1")
    if request.method == "GET":
        return forms.parse(request.query, forms.URLENCODED)
    if forms.is_form(kind, body):
        return forms.parse(body, kind)
    return xml_bodies.parse(body) if xml_bodies.is_xml(kind) else None


def _unwrapped(document: Any, plain: ReceivedBody, how: ContentMode, index: int) -> ReceivedBody:  # noqa: ANN401 - any JSON value
    path: tuple[str | int, ...] = (index,) if how is ContentMode.BATCH else ()
    enclosed = partial(_enclosed, how, document)
    if not isinstance(document, dict) or "data" not in document:
        return replace(plain, value=document, path=path, enclosed=enclosed)
    identity, origin = _text(document.get("id")), _text(document.get("source"))
    return replace(
        plain,
        value=document["data"],
        identity=f"{origin} {identity}" if identity else None,
        time=moment(document.get("time")),
        subject=_text(document.get("subject")) or None,
        path=path and (*path, "data"),
        enclosed=enclosed,
    )


def _enclosed(how: ContentMode, document: Any, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value as it stood in its request: in a document of CloudEvents, and that in a batch."""
    if how is ContentMode.BINARY:
        return value
    whole = {**document, "data": value} if isinstance(document, dict) and "data" in document else value
    return [whole] if how is ContentMode.BATCH else whole


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else ""
