"""From the bytes of a request to the values in it: unpacked, parsed, and taken out of their CloudEvents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from contracts.triggers.sent_times import moment
from services.ingest import cloudevents, forms, xml_bodies
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.body import parse
from services.ingest.cloudevents import ContentMode
from services.ingest.decompression import unpacked
from services.ingest.readers.reader import ReceivedBody


def sent_of(request: AuthRequest, proven: Proven, most: int, again: str = "") -> tuple[bytes, Sequence[ReceivedBody]]:
    """The body unpacked, and what is in it: the parsed body, or of each CloudEvent its data, with what it says of it.

    Of a signed request only what is signed says what it is: headers can be added by whoever sends it again. `again`:
    the place of an item that is read again. Raises Refused: 400, 413, 415, 422.
    """
    encoding = request.header("content-encoding").decode("latin-1")
    body = unpacked(request.body, encoding, most) if encoding else request.body
    value = _no_json(request, body)
    if value is not None:
        return body, [ReceivedBody(value, request.headers, query=request.query, texts=True, again=again)]
    value = parse(body)
    told = proven.told(request.headers)
    how = cloudevents.mode(told)
    if how is ContentMode.NONE and proven.headers is not None:
        how = cloudevents.mode_of(value)
    if how is ContentMode.NONE:
        return body, [ReceivedBody(value, request.headers, query=request.query, again=again)]
    plain = ReceivedBody(None, request.headers, query=request.query, again=again)
    found = cloudevents.documents(how, told, value)
    return body, [_unwrapped(document, plain, how, index) for index, document in enumerate(found)]


def value_of(request: AuthRequest, most: int) -> Any:  # noqa: ANN401 - any JSON value
    """The parsed body, whatever it carries. Raises Refused."""
    encoding = request.header("content-encoding").decode("latin-1")
    body = unpacked(request.body, encoding, most) if encoding else request.body
    plain = _no_json(request, body)
    return parse(body) if plain is None else plain


def _no_json(request: AuthRequest, body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """What a query, a form or XML says; None: it is to be read as JSON."""
    kind = request.header("content-type").decode("latin-1")
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
