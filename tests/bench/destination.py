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

import uvloop

from tests.bench.wire import Messages

ANSWER = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"id":"c1"}'
KEY = re.compile(rb"\r\nidempotency-key:\s*([^\r]+)", re.IGNORECASE)


class Counts:
    """What came in."""

    def __init__(self) -> None:
        self.requests = 0
        self.effects: dict[bytes, float] = {}


class Destination(Messages):
    """One connection."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts

    def message(self, head: bytes, body: bytes) -> None:
        """Answer it."""
        del body
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
        self.transport.write(ANSWER)

    def _tell(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def serve(port: int) -> None:
    """Listen on the loopback address until the process is ended."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Destination(counts), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
