"""A request's body: read up to a limit, then parsed. Whatever bytes come, the only error is Refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Receive

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import AuthRequest
from services.ingest.http_problems import FieldError, Refused
from services.ingest.in_flight import HeldRequest
from services.runtime.deadlines import Deadlines
from services.runtime.documents import json_numbers
from services.runtime.documents.characters import REPLACEMENT, decoded

BODY = Deadlines(10.0)
"""How long a body may be on its way."""
FIRST_SECONDS = 0.5
FIRST_BYTES = 4096
DEEPEST = 64
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NUL = "\x00"
ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of JSON: both halves of a pair, half of one, or any other."""


def announced(request: AuthRequest) -> int:
    """What Content-Length says; 0 where it says nothing."""
    found = request.headers.get(b"content-length", b"")
    return int(found[:20]) if found.isdigit() else 0


async def first_bytes(request: AuthRequest, receive: Receive) -> bytes:
    """The beginning of a body that is too large to be read: what is there already.

    Of who waits to be told to send (`Expect: 100-continue`) there is nothing, and to ask for it would tell so.
    """
    if b"expect" in request.headers:
        return b""
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            found: bytes = (await receive()).get("body", b"")
    except TimeoutError:
        return b""
    return found[:FIRST_BYTES]


async def read(request: AuthRequest, receive: Receive, most: int, held: HeldRequest) -> bytes:
    """The whole body, once it ended as it said: after all bytes of its Content-Length, or with its last chunk.

    Each part counts as `held` when it came. Raises Refused: 413 before anything is read when Content-Length says too
    much, or as soon as a chunked body is over the limit; 503 when there is no room for more; 408 when the body does not
    come within 10 seconds; 400 when its connection ends first, in whatever way: ASGI servers tell that as
    `http.disconnect` in place of a last part.
    """
    if announced(request) > most:
        raise _too_large(most)
    chunks: list[bytes] = []
    size = 0
    try:
        with BODY.within():
            while size <= most:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _cut(size)
                chunk: bytes = message.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                if size > most:
                    break
                held.add(len(chunk))
                if not message.get("more_body"):
                    held.arrived()
                    return b"".join(chunks)
    except TimeoutError:
        raise Refused(
            HTTPStatus.REQUEST_TIMEOUT,
            ErrorCode.BODY_TIMED_OUT,
            f"The body did not come within {BODY.seconds:g} seconds. Send it at once.",
            headers={"Connection": "close"},
        ) from None
    raise _too_large(most, b"".join(chunks)[:FIRST_BYTES])


def _cut(size: int) -> Refused:
    return Refused(
        HTTPStatus.BAD_REQUEST,
        ErrorCode.BODY_CUT,
        f"The connection ended after {size} bytes, before the body did. Send the whole request again.",
        headers={"Connection": "close"},
    )


def _too_large(most: int, head: bytes = b"") -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorCode.BODY_TOO_LARGE,
        f"The body is over {most} bytes. Send less, for example a link instead of a file.",
        headers={"Connection": "close"},
        head=head,
        limit_bytes=most,
    )


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    r"""The JSON value of the body, fit to be stored anywhere.

    - NUL characters (`\u0000`) are taken out of texts and names: PostgreSQL's text cannot hold them, and they carry
      nothing that a person wrote.
    - Numbers that no number type holds are texts of their digits (services/runtime/documents/json_numbers.py).
    - Half of a surrogate pair, which is no character, is U+FFFD: what a program cut there is read without it.
    - A byte order mark is passed over.

    Raises Refused: 400 with line and column when it is no JSON, 422 when it is nested more than 64 deep.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        value = json_numbers.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            value = json_numbers.loads(whole_characters(body))
        except ValueError:
            raise _no_json(body, error) from None
    if body.count(b"{") + body.count(b"[") > DEEPEST:
        _check_depth(value)
    if b"\\u0000" in body:
        value = _without_nul(value)
    return value


def whole_characters(body: bytes) -> bytes:
    """The body with U+FFFD for each half of a surrogate pair, as bytes or as an escape of JSON.

    Raises UnicodeDecodeError for what is not UTF-8 otherwise.
    """
    return ESCAPE.sub(_whole_escape, decoded(body)).encode()


def _whole_escape(found: re.Match[str]) -> str:
    return found[0] if found["half"] is None else REPLACEMENT


def _no_json(body: bytes, error: orjson.JSONDecodeError) -> Refused:
    reason, line, column = error.msg, error.lineno, error.colno
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        reason = f"byte 0x{body[wrong.start]:02x} is not UTF-8"
        before = body[: wrong.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
    return Refused(
        HTTPStatus.BAD_REQUEST,
        ErrorCode.JSON_INVALID,
        f"The body is not JSON: line {line}, column {column}: {reason}. Send one JSON object in UTF-8.",
        line=line,
        column=column,
    )


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [item for parent in level for item in _items(parent)]
        if not level:
            return
    raise Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.SHAPE_INVALID,
        f"The body is nested more than {DEEPEST} deep. Send it flatter.",
        errors=[FieldError(pointer="", detail=f"is nested more than {DEEPEST} deep")],
    )


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _without_nul(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value.replace(NUL, "")
    if isinstance(value, dict):
        return {key.replace(NUL, ""): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value
