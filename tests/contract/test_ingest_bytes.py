"""What the server makes of bytes: the table of docs/decisions/http-server.md. Another server has to pass it too."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tests.support.ingest import LEADS
from tests.support.raw_requests import Gateway, data, gateway

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
BODY = b'{"email": "a@example.pt"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SIZE = b"%x" % len(BODY)
WHOLE = SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n"


def request(headers: bytes, body: bytes, path: str = LEADS, version: bytes = b"1.1") -> bytes:
    """The bytes of a request."""
    return b"POST %s HTTP/%s\r\nHost: ingest\r\n%s\r\n%s" % (path.encode(), version, headers, body)


@dataclass(frozen=True)
class Case:
    """Bytes; the statuses that are answered, in order, before the server ends the connection; the events."""

    sent: bytes
    statuses: tuple[int, ...]
    events: int
    end: str = ""


PLAIN = request(LENGTH, BODY)
LAST = request(CLOSE + LENGTH, BODY)
CASES = {
    "by length": Case(LAST, (202,), 1),
    "by chunks": Case(request(CLOSE + CHUNKED, WHOLE), (202,), 1),
    "several at once": Case(PLAIN + PLAIN + LAST, (202, 202, 202), 3),
    "several, the last cut": Case(PLAIN + PLAIN[:-3], (202, 400), 1, "half-close"),
    "an empty line before": Case(b"\r\n" + LAST, (202,), 1),
    "the address whole": Case(request(CLOSE + LENGTH, BODY, f"http://ingest{LEADS}"), (202,), 1),
    "HTTP/1.0": Case(request(LENGTH, BODY, version=b"1.0"), (202,), 1),
    "extension of a chunk": Case(request(CLOSE + CHUNKED, SIZE + b";a=b\r\n" + BODY + b"\r\n0\r\n\r\n"), (202,), 1),
    "trailers": Case(request(CLOSE + CHUNKED, WHOLE[:-2] + b"X: y\r\n\r\n"), (202,), 1),
    "no length": Case(request(CLOSE, b""), (400,), 0),
    "extension without end": Case(request(CHUNKED, SIZE + b";" + b"a" * 200_000), (400,), 0),
    "trailers without end": Case(request(CHUNKED, WHOLE[:-2] + b"X: " + b"y" * 200_000), (400,), 0),
    "no size": Case(request(CHUNKED, b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,), 0),
    "a size too small": Case(request(CHUNKED, b"5\r\n" + BODY + b"\r\n0\r\n\r\n"), (400,), 0),
    "a size beyond 64 bits": Case(request(CHUNKED, b"f" * 17 + b"\r\n" + BODY), (400,), 0),
    "no last line": Case(request(CHUNKED, WHOLE[:-2]), (400,), 0, "half-close"),
    # The length does not count then (RFC 9112, 6.3), and what stands behind is never read as a request: smuggling.
    "length and chunks": Case(request(LENGTH + CHUNKED, WHOLE) + PLAIN, (202,), 1),
    "two lengths": Case(request(LENGTH + b"Content-Length: 5\r\n", BODY), (400,), 0),
    "a length with a sign": Case(request(b"Content-Length: +25\r\n", BODY), (400,), 0),
    "chunked is not the last coding": Case(request(b"Transfer-Encoding: chunked, x\r\n", WHOLE), (400,), 0),
    "a folded header": Case(request(b"X: a\r\n b\r\n" + LENGTH, BODY), (400,), 0),
    "a space before the colon": Case(request(b"X : a\r\n" + LENGTH, BODY), (400,), 0),
    "NUL in a header": Case(request(b"X: a\0b\r\n" + LENGTH, BODY), (400,), 0),
    "no HTTP": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, (400,), 0),
    "a long header": Case(request(CLOSE + LENGTH + b"X: " + b"a" * 16_000 + b"\r\n", BODY), (202,), 1),
    "many headers": Case(request(CLOSE + LENGTH + b"X: a\r\n" * 90, BODY), (202,), 1),
    "too many headers": Case(request(LENGTH + b"X: a\r\n" * 150, BODY), (431,), 0),
    "100-continue": Case(request(CLOSE + LENGTH + b"Expect: 100-continue\r\n", BODY), (100, 202), 1),
    "100-continue, refused": Case(request(b"Content-Length: 900000\r\nExpect: 100-continue\r\n", b""), (413,), 0),
}


async def played(served: Gateway, case: Case) -> tuple[int, ...]:
    """The statuses of the answers."""
    answer = await served.send(case.sent, case.end)
    return tuple(int(status) for status in STATUS.findall(answer))


async def test_bytes_are_answered_as_the_table_says() -> None:
    """And make as many events as it says, each the whole one."""
    wrong = {}
    async with gateway() as served:
        for name, case in CASES.items():
            statuses = await played(served, case)
            await served.settled()
            events = [event["email"] for event in data(served.recorder)]
            served.recorder.records.clear()
            if (statuses, events) != (case.statuses, ["a@example.pt"] * case.events):
                wrong[name] = (statuses, events)
    assert wrong == {}


async def test_who_waits_for_100_continue_is_told_when_its_body_is_wanted() -> None:
    """And not before: what is refused by its head is refused instead."""
    async with gateway() as served:
        reader, writer = await asyncio.open_connection(*served.server.address)
        writer.write(request(CLOSE + LENGTH + b"Expect: 100-continue\r\n", b""))
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100 ")
        writer.write(BODY)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 202 ")
        writer.close()
        reader, writer = await asyncio.open_connection(*served.server.address)
        writer.write(request(LENGTH + b"Expect: 100-continue\r\n", b"", "/v1/hooks/none/token"))
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 404 ")
        writer.close()
