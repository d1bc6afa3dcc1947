"""Requests that end early, over real sockets to the real server: an event only from a body that ended as it said."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from contracts.errors import ErrorCode
from services.ingest.decompression import unpacked
from services.ingest.http_problems import Refused
from services.ingest.server import HttpServer
from tests.support.ingest import BEARER, LEADS, Recorder, application
from tests.support.sockets import reset

SEED = 12
CUTS = 12
EVENTS = "/v1/events"
LEAD = {"email": "ana@example.pt", "name": "Ana Gonçalves", "tags": ["feira", "lisboa"]}
ENVELOPE = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "closum.lead.created", "data": LEAD}
BOUNDARY = b"cut-here"
PARTS = b"".join(
    b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, name, value)
    for name, value in ((b"email", b"ana@example.pt"), (b"name", b"Ana Gon\xc3\xa7alves"), (b"tags", b"feira"))
)
WHOLE = json.dumps(LEAD).encode()
BODIES: dict[str, tuple[str, dict[str, str], bytes]] = {
    "json": (LEADS, {}, WHOLE),
    "urlencoded": (
        LEADS,
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"email=ana%40example.pt&name=Ana+Gon%C3%A7alves&tags=feira",
    ),
    "multipart": (
        LEADS,
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"},
        PARTS + b"--%s--\r\n" % BOUNDARY,
    ),
    "gzip": (LEADS, {"Content-Encoding": "gzip"}, gzip.compress(WHOLE)),
    "gzip of two members": (
        LEADS,
        {"Content-Encoding": "gzip"},
        gzip.compress(WHOLE[:-1]) + gzip.compress(WHOLE[-1:]),
    ),
    "deflate": (LEADS, {"Content-Encoding": "deflate"}, zlib.compress(WHOLE)),
    "an event": (EVENTS, BEARER, json.dumps(ENVELOPE).encode()),
}
ENDS = ("close", "half-close", "reset")


def framed(path: str, headers: dict[str, str], body: bytes, framing: str) -> tuple[bytes, bytes]:
    """Head and body of a whole request, the body as it goes over the wire."""
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if framing == "length":
        told += f"Content-Length: {len(body)}\r\n"
    else:
        told += "Transfer-Encoding: chunked\r\n"
        pieces = [body[a:b] for a, b in pairwise((0, len(body) // 3, len(body) // 2, len(body)))]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: ingest\r\nConnection: close\r\n{told}\r\n".encode(), body


class Gateway:
    """The gateway on its real server; requests that it has begun and has not ended are counted."""

    def __init__(self) -> None:
        self.app, self.recorder = application()
        self.server = HttpServer(self._counted, "127.0.0.1", 0, 100, 75)
        self._at_work = 0
        self._idle = asyncio.Event()

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._at_work += 1
        self._idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._idle.set()

    async def send(self, sent: bytes, end: str = "") -> bytes:
        """Send bytes, end the connection so, and answer what is answered: nothing where nobody reads any more."""
        reader, writer = await asyncio.open_connection(*self.server.address)
        try:
            writer.write(sent)
            await writer.drain()
            if end == "reset":
                await asyncio.sleep(0.01)  # what is reset before it was read may not be read at all
                reset(writer)
            if end == "half-close":
                writer.write_eof()
            if end in {"", "half-close"}:
                return await asyncio.wait_for(reader.read(), 10)
            return b""
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def settled(self) -> None:
        """Wait until the server has met every connection before this one, and ended every request."""
        assert b"202" in (await self.send(b"".join(framed(LEADS, {}, b'{"email": "last@example.pt"}', "length"))))
        await self._idle.wait()


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """The gateway, listening."""
    made = Gateway()
    serving = asyncio.create_task(made.server.serve())
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection(*made.server.address)
            writer.close()
            break
        await asyncio.sleep(0.02)
    yield made
    await made.server.stop(5)
    with suppress(RuntimeError):
        await serving


def data(recorder: Recorder) -> list[Any]:
    """The payloads that Kafka got, without the one that `settled` sends."""
    return [event["data"] for _, event in recorder.records if event["data"]["email"] != "last@example.pt"]


async def test_a_body_that_is_cut_is_no_event_however_it_ends() -> None:
    """Cut anywhere, by FIN, half-close or RST, in every encoding and framing; who still reads gets a 400."""
    draw = random.Random(SEED)  # noqa: S311 - seeded, so that a failure can be played again
    async with gateway() as served:
        for framing in ("length", "chunked"):
            for name, (path, headers, body) in BODIES.items():
                head, wire = framed(path, headers, body, framing)
                places = {0, 1, len(wire) - 1, *(draw.randrange(len(wire)) for _ in range(CUTS))}
                cuts = [(place, end) for place in sorted(places) for end in ENDS]
                answers = await asyncio.gather(*(served.send(head + wire[:place], end) for place, end in cuts))
                await served.settled()
                assert data(served.recorder) == [], (framing, name)
                for (place, end), answer in zip(cuts, answers, strict=True):
                    if end == "half-close":
                        assert answer.startswith(b"HTTP/1.1 400 "), (framing, name, place, answer)
                        assert ErrorCode.BODY_CUT.value.encode() in answer
                assert (await served.send(head + wire)).startswith(b"HTTP/1.1 202 "), (framing, name)
                [taken] = data(served.recorder)
                assert (taken["email"], taken["name"]) == (LEAD["email"], LEAD["name"])
                served.recorder.records.clear()


@pytest.mark.parametrize("name", ["multipart", "gzip", "gzip of two members", "deflate", "json"])
async def test_a_body_that_its_own_sender_cut_is_no_event(name: str) -> None:
    """All bytes that Content-Length says, and still not the whole: wherever the encoding has an end of its own."""
    path, headers, body = BODIES[name]
    async with gateway() as served:
        # Behind a multipart form's closing boundary there is nothing but an end of line.
        for place in range(len(body) - (2 if name == "multipart" else 0)):
            answer = await served.send(b"".join(framed(path, headers, body[:place], "length")))
            if answer.startswith(b"HTTP/1.1 202 "):
                # Between two members gzip has an end too: what is there must be all that the whole has.
                assert data(served.recorder) == [], place
            assert answer.startswith(b"HTTP/1.1 4"), (place, answer)
    assert data(served.recorder) == []


def test_gzip_of_many_members_is_read_whole_and_bounded() -> None:
    """As `cat a.gz b.gz` makes it; the limit holds for all of them together."""
    members = b"".join(gzip.compress(b"%d," % number) for number in range(50))
    whole = b"".join(b"%d," % number for number in range(50))
    assert unpacked(members, "gzip", len(whole)) == whole
    with pytest.raises(Refused) as refused:
        unpacked(members, "gzip", len(whole) - 1)
    assert refused.value.code is ErrorCode.BODY_TOO_LARGE
    for wrong in (members + b"x", members[:-1], zlib.compress(whole) + b"x"):
        with pytest.raises(Refused) as refused:
            unpacked(wrong, "gzip" if wrong[:2] == b"\x1f\x8b" else "deflate", len(whole))
        assert refused.value.code is ErrorCode.JSON_INVALID
