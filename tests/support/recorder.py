"""A destination that notes when each request came, on a thread of its own. It answers as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop
from aiohttp import web


@dataclass
class Recorder:
    """`answer(body)`: the status, and the seconds of Retry-After or None; `more()`: further headers.

    `seen`: moment and body of each request.
    """

    answer: Callable[[dict[str, Any]], tuple[int, float | None]] = lambda _: (201, None)
    more: Callable[[], dict[str, str]] = dict
    url: str = ""
    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    seconds: float = 0.0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note it and answer."""
        body = json.loads(await request.read())
        self.seen.append((time.monotonic(), body))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.at_once -= 1
        status, retry_after = self.answer(body)
        headers = self.more() | ({} if retry_after is None else {"Retry-After": f"{retry_after:g}"})
        return web.Response(status=status, body=b"{}", content_type="application/json", headers=headers)


@contextlib.contextmanager
def recorder(recording: Recorder | None = None) -> Iterator[Recorder]:
    """Serve on the loopback address. It ends with the block."""
    made = recording or Recorder()
    loop, ready = uvloop.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(made.handle, access_log=None), handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
