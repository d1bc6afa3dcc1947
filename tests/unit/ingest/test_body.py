"""What becomes of a request's bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest

from contracts.errors import ErrorCode
from services.ingest import body
from services.ingest.auth.scheme import AuthRequest
from services.ingest.body import DEEPEST, parse, read
from services.ingest.http_problems import Refused
from services.ingest.in_flight import HeldRequest, RequestsInFlight
from services.runtime.deadlines import Deadlines


def chunks(*parts: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    """An ASGI receive that gives these parts, and fails when asked for more."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def sent(length: bytes | None = None) -> AuthRequest:
    """A request with this Content-Length."""
    return AuthRequest("POST", "/", b"", {} if length is None else {b"content-length": length})


def held() -> HeldRequest:
    """A request for which there is room."""
    return RequestsInFlight(1, 100, 100).hold("a", None, proven=True).__enter__()


async def never() -> dict[str, Any]:
    """An ASGI receive that must not be called."""
    raise AssertionError("the body was read")


async def test_a_body_in_parts_is_put_together() -> None:
    """Chunked or not is the same to us."""
    assert await read(sent(), chunks(b"{", b"", b"}"), 2, held()) == b"{}"
    assert await read(sent(b"2"), chunks(b"{}"), 2, held()) == b"{}"


async def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    """413 by Content-Length."""
    with pytest.raises(Refused) as refused:
        await read(sent(b"3"), never, 2, held())
    assert refused.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert refused.value.members["limit_bytes"] == 2


@pytest.mark.parametrize("parts", [(b"xxx",), (b"x", b"xx"), (b"x", b"x", b"x", b"never read")])
async def test_a_chunked_body_is_refused_as_soon_as_it_is_over_the_limit(parts: tuple[bytes, ...]) -> None:
    """Memory is bounded whatever the headers say."""
    with pytest.raises(Refused) as refused:
        await read(sent(), chunks(*parts), 2, held())
    assert refused.value.code is ErrorCode.BODY_TOO_LARGE


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """408: a slow sender does not hold a place for ever."""
    monkeypatch.setattr(body, "BODY", Deadlines(0.01))

    async def silent() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(Refused) as refused:
        await read(sent(), silent, 2, held())
    assert refused.value.status == HTTPStatus.REQUEST_TIMEOUT


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b"", 1, 1),
        (b'{"a": }', 1, 7),
        (b'{\n  "a": 1,\n}', 2, 9),
        ('{"é": }'.encode(), 1, 7),
        (b'{"a": NaN}', 1, 7),
        ('{"é":\n "é\xff"}'.encode("latin-1").replace(b"\xe9", "é".encode()), 2, 4),
    ],
)
def test_no_json_is_answered_with_its_place(text: bytes, line: int, column: int) -> None:
    """400 with line and column, also for bytes that are not UTF-8."""
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.status == HTTPStatus.BAD_REQUEST
    assert (refused.value.members["line"], refused.value.members["column"]) == (line, column)
    assert f"line {line}, column {column}" in refused.value.detail


def test_a_byte_order_mark_is_passed_over() -> None:
    """Windows tools write one."""
    assert parse(b"\xef\xbb\xbf{}") == {}


def test_nul_characters_are_taken_out() -> None:
    """PostgreSQL's text cannot hold them; an escaped backslash before u0000 is no NUL."""
    assert parse(rb'{"a\u0000": ["x\u0000y", {"b": "\u0000"}], "c": "\\u0000", "d": 1}') == {
        "a": ["xy", {"b": ""}],
        "c": r"\u0000",
        "d": 1,
    }


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (rb'{"a": "x\ud83d"}', {"a": "x\ufffd"}),
        (
            rb'{"a": "\ude00\ud83d!", "b": "\ud83d\ude00", "c": "\\ud83d"}',
            {"a": "\ufffd\ufffd!", "b": "😀", "c": r"\ud83d"},
        ),
        (rb'{"\uD83D": ["\ud83d\n", "\ud83d\u0041"]}', {"\ufffd": ["\ufffd\n", "\ufffdA"]}),
        (b'{"a": "\xed\xa0\xbd"}', {"a": "\ufffd"}),
        (b'{"a": "\xed\xa0\xbd\xed\xb8\x80 \xc3\xa9"}', {"a": "😀 é"}),
    ],
)
def test_half_a_character_refuses_no_body(sent: bytes, read_as: object) -> None:
    """A program that cut a text in the middle of an emoji sends the same again for ever."""
    assert parse(sent) == read_as


def test_digits_are_kept() -> None:
    """Of ids that no number type holds."""
    assert parse(b'{"id": 12345678901234567890123}') == {"id": "12345678901234567890123"}


def test_other_control_characters_are_kept() -> None:
    """A tab or a line end in a message is the sender's."""
    assert parse(rb'{"a": "\t\n\u0001"}') == {"a": "\t\n\x01"}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_has_a_limit(opening: bytes) -> None:
    """What is deeper could not be written again. Wide is no fault."""
    closing = b"]" if opening == b"[" else b"}"
    assert parse(opening * DEEPEST + b"1" + closing * DEEPEST)
    with pytest.raises(Refused) as refused:
        parse(opening * (DEEPEST + 1) + b"1" + closing * (DEEPEST + 1))
    assert refused.value.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(parse(b"[" + b"[]," * 500 + b"[]]")) == 501
