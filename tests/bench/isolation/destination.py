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
from typing import Any

import uvloop

from tests.bench.wire import Messages

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


class Destination(Messages):
    """One connection."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def message(self, head: bytes, body: bytes) -> None:
        """Answer it, as the rules say."""
        path = head.split(b" ", 2)[1].decode()
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
            self.transport.abort()
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
        if not self.transport.is_closing():
            self.transport.write(head.encode() + content)


async def serve(port: int) -> None:
    """Listen on the loopback address until the process is ended."""
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Destination(state), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
