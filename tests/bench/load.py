"""Load for ingest: WhatsApp messages over kept connections, each sending its next when the last is answered.

    python -m tests.bench.load URL COUNT CONNECTIONS FIRST

Prints one JSON object: answers by status, seconds, and the time to acknowledgement (p50, p99) in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import count
from urllib.parse import urlsplit

import uvloop

from tests.bench.wire import Messages

SUBJECTS = 5_000


def body(number: int) -> bytes:
    """The message with this number: one of 5,000 contacts, a valid Portuguese mobile."""
    return json.dumps(
        {
            "message_id": f"wamid.{number}",
            "from": f"+351 91 {number % SUBJECTS + 1_000_000}",
            "text": f"Olá, quero saber mais sobre a oferta número {number} 🙂",
            "contact": {"name": "Inês Conceição"},
        }
    ).encode()


class Sender(Messages):
    """One connection."""

    def __init__(self, head: bytes, numbers: count[int], end: int, seen: tuple[Counter[int], list[float]]) -> None:
        super().__init__()
        self._head, self._numbers, self._end = head, numbers, end
        self._statuses, self._seconds = seen
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._next()

    def _next(self) -> None:
        number = next(self._numbers)
        if number >= self._end:
            self.transport.close()
            return
        content = body(number)
        self._sent = time.perf_counter()
        self.transport.write(self._head + b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    def message(self, head: bytes, body: bytes) -> None:
        """Count the answer, send the next."""
        del body
        self._seconds.append(time.perf_counter() - self._sent)
        self._statuses[int(head.split(b" ", 2)[1])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of this connection; an error of it is the caller's."""
        if exc is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc)


async def send(url: str, amount: int, connections: int, first: int) -> dict[str, object]:
    """Send messages number `first` to `first + amount`."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        "User-Agent: closum-flows-bench\r\n"
    ).encode()
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    numbers = count(first)
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    senders = []
    for _ in range(connections):
        _, sender = await loop.create_connection(
            lambda: Sender(head, numbers, first + amount, (statuses, seconds)), parts.hostname or "", parts.port or 80
        )
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    elapsed = time.perf_counter() - begun
    seconds.sort()
    return {
        "statuses": dict(statuses),
        "seconds": elapsed,
        "p50_ms": seconds[len(seconds) // 2] * 1000,
        "p99_ms": seconds[int(len(seconds) * 0.99)] * 1000,
        "cpu_seconds": time.process_time(),
    }


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    print(json.dumps(result))
