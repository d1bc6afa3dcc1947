"""A destination that costs next to nothing: it answers every request with 201 and counts distinct Idempotency-Keys.

    python -m tests.bench.destination PORT

`GET /count` answers `{"requests": …, "effects": …}`; `GET /at/KEY` the moment, by the machine's monotonic clock, when
the first request with this key came, or null.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

ANSWER = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"id":"c1"}'
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
KEY = re.compile(rb"\r\nidempotency-key:\s*([^\r]+)", re.IGNORECASE)


class Counts:
    """What came in."""

    def __init__(self) -> None:
        self.requests = 0
        self.effects: dict[bytes, float] = {}


class Destination(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive, as much of it as our client needs."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        # uvloop's transports are none to isinstance.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end]
            found = LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._pending) < whole:
                return
            self._pending = self._pending[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET /count "):
            self._tell({"requests": self._counts.requests, "effects": len(self._counts.effects)})
            return
        if head.startswith(b"GET /at/"):
            key = head.split(b" ", 2)[1].removeprefix(b"/at/")
            self._tell(self._counts.effects.get(b'"' + key + b'"'))
            return
        self._counts.requests += 1
        if found := KEY.search(head):
            self._counts.effects.setdefault(found[1], time.monotonic())
        self._transport.write(ANSWER)

    def _tell(self, what: object) -> None:
        body = json.dumps(what).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def serve(port: int) -> None:
    """Listen on the loopback address until the process is ended."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Destination(counts), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
