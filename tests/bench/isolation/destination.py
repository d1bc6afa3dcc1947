"""Every destination of the bench in one process: well, but for the requests that a rule makes ill.

    python -m tests.bench.isolation.destination PORT

`POST /_rules` takes a list of rules and forgets those before. `POST /_seen` takes `[first, end]` and answers when the
call with each of these numbers came first, by the machine's monotonic clock, or null; it stands in a call's body, as
`"n": "17"`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
NUMBER = re.compile(rb'"n": ?"(\d+)"')
TOKEN = b'{"access_token":"a-token","token_type":"Bearer","expires_in":3600}'
WELL: Mapping[str, Any] = {}


class State:
    """What came, and who is ill by which rules: {path, contains, status, headers, seconds, hang, cut, bears}.

    The first that fits counts. `bears`: so many calls in each second, and 429 to more.
    """

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.rules: list[Mapping[str, Any]] = []
        self._borne: Counter[tuple[str, int]] = Counter()

    def rule(self, path: str, body: bytes) -> Mapping[str, Any]:
        """For a request."""
        for one in self.rules:
            if path.startswith(one["path"]) and one.get("contains", "").encode() in body:
                return one
        return WELL

    def too_many(self, rule: Mapping[str, Any]) -> bool:
        """Whether this call is more than is borne."""
        if "bears" not in rule:
            return False
        second = rule["path"], int(time.monotonic())
        if second not in self._borne:
            self._borne.clear()
        self._borne[second] += 1
        return self._borne[second] > int(rule["bears"])


class Destination(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive, as much of it as our client needs."""

    def __init__(self, state: State) -> None:
        self._state = state
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
            body, self._pending = self._pending[end + 4 : whole], self._pending[whole:]
            self._request(head.split(b" ", 2)[1].decode(), body)

    def _request(self, path: str, body: bytes) -> None:
        if path == "/_rules":
            self._state.rules = json.loads(body)
            self._answer(200, b"{}")
        elif path == "/_seen":
            first, end = json.loads(body)
            self._answer(200, json.dumps([self._state.seen.get(number) for number in range(first, end)]).encode())
        else:
            self._call(path, body)

    def _call(self, path: str, body: bytes) -> None:
        rule = self._state.rule(path, body)
        if "hang" in rule:
            return
        if self._state.too_many(rule):
            self._answer(429, b"{}")
            return
        if found := NUMBER.search(body):
            self._state.seen.setdefault(int(found[1]), time.monotonic())
        if "cut" in rule:
            self._transport.abort()
            return
        content = TOKEN if path.endswith("/token") else b'{"id":"c1"}'
        args = rule.get("status", 201), content, rule.get("headers", {})
        if "seconds" in rule:
            asyncio.get_running_loop().call_later(rule["seconds"], self._answer, *args)
        else:
            self._answer(*args)

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str] = WELL) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}Content-Length: {len(content)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + content)


async def serve(port: int) -> None:
    """Listen on the loopback address until the process is ended."""
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Destination(state), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
