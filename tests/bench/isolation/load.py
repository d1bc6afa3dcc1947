"""Load by the clock: each request is sent at its own moment, whatever became of those before (an open model).

    python -m tests.bench.isolation.load  <  a job, as JSON

What a call waited is counted from the moment at which its request was due, so a stack that is slow to take requests
hides nothing. As senders of webhooks do, it sends again what is refused, cut or not answered; `again: false`: not.
Prints the answers by status. When each request was due `Job` says, to whoever sent the job too.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import zlib
from collections import Counter, deque
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import uvloop

from tests.bench.wire import Messages

SUBJECTS = 2_000
AGAIN_SECONDS, MOST_AGAIN_SECONDS = 0.25, 2.0
ANSWER_SECONDS = 10.0
ACCEPTED = 202
GIVEN_UP = "given up"


@dataclass(frozen=True)
class Job:
    """`count` requests with numbers from `first` on, `rate` a second from `begin` on. `body` has `@n` and `@contact`.

    `until`: what was not accepted by then is given up.
    """

    url: str
    body: str
    first: int
    count: int
    rate: float
    begin: float
    until: float
    seed: int
    contacts: int = SUBJECTS
    again: bool = True

    def text(self) -> str:
        """For stdin."""
        return json.dumps(asdict(self))

    def contact(self, number: int) -> int:
        """Whose request it is, of so many."""
        return zlib.crc32(f"{self.seed}/{number}".encode()) % self.contacts

    def due(self) -> list[float]:
        """When each is sent: evenly, moved within its own slot by chance."""
        chance = random.Random(f"{self.seed}/{self.first}")  # noqa: S311 - moments, no secrets
        return [self.begin + (place + chance.random()) / self.rate for place in range(self.count)]

    def content(self, number: int) -> bytes:
        """Its body."""
        return self.body.replace("@n", str(number)).replace("@contact", str(1_000_000 + self.contact(number))).encode()


class Line(Messages):
    """One connection, for one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: asyncio.Future[int] | None = None
        self.open = True

    async def ask(self, request: bytes) -> int:
        """The status. Raises OSError when the connection ends before, TimeoutError without an answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._answer

    def message(self, head: bytes, body: bytes) -> None:
        """The answer."""
        del body
        if b"\r\nconnection: close" in head.lower():
            self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        """No answer will come."""
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())


class Sender:
    """All requests of a job, over as many connections as are needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._parts = urlsplit(job.url)
        where = f"POST {self._parts.path} HTTP/1.1\r\nHost: {self._parts.netloc}\r\n"
        self._head = f"{where}Content-Type: application/json\r\n".encode()
        self._free: deque[Line] = deque()
        self.statuses: Counter[str] = Counter()

    async def run(self) -> None:
        """Send all."""
        tasks = []
        for place, moment in enumerate(self._job.due()):
            if (wait := moment - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self._send(self._job.first + place)))
        await asyncio.gather(*tasks)

    async def _send(self, number: int) -> None:
        content = self._job.content(number)
        request = self._head + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
        wait = AGAIN_SECONDS
        while True:
            status = await self._once(request)
            self.statuses[status] += 1
            if status == str(ACCEPTED) or not self._job.again:
                return
            if time.monotonic() > self._job.until:
                self.statuses[GIVEN_UP] += 1
                return
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - so that they do not come all at once
            wait = min(2 * wait, MOST_AGAIN_SECONDS)

    async def _once(self, request: bytes) -> str:
        line: Line | None = None
        try:
            line = await self._line()
            status = await line.ask(request)
        except (OSError, TimeoutError) as error:
            if line is not None:
                line.transport.abort()
            return type(error).__name__
        if line.open:
            self._free.append(line)
        return str(status)

    async def _line(self) -> Line:
        while self._free:
            if (line := self._free.pop()).open:
                return line
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWER_SECONDS):
            _, line = await loop.create_connection(Line, self._parts.hostname or "", self._parts.port or 80)
        return line


async def main() -> None:
    """Read the job, do it, tell."""
    sender = Sender(Job(**json.load(sys.stdin)))
    await sender.run()
    print(json.dumps(sender.statuses))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
