"""The stand-in Closum for tests: on a thread of its own, with a plain synchronous handle.

    with closum() as stand_in:
        stand_in.fault(path="/crm/*", kind="status", status=429, retry_after=1, times=3)
        ... call stand_in.v2 or stand_in.crm ...
        assert stand_in.state("contacts") == [...]

The lines between run while it serves; `state` and the others may be called from any thread or event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvloop

from deploy.local.closum.server import serving


@dataclass(frozen=True)
class Closum:
    """A running stand-in, in this process or another."""

    url: str

    @property
    def v2(self) -> str:
        """Base of the V2 API, with a slash at its end."""
        return f"{self.url}/v2/"

    @property
    def crm(self) -> str:
        """Base of the CRM, without a slash at its end."""
        return f"{self.url}/crm"

    def state(self, part: str = "") -> Any:
        """All state, or one part: contacts, leads, sms, whatsapp, effects, keys, requests and more."""
        return self._ask("GET", f"/_state/{part}" if part else "/_state")

    def fault(self, **fields: object) -> None:
        """Switch a fault on: see deploy/local/closum/faults.py."""
        self._ask("POST", "/_faults", fields)

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are on, with their hits."""
        found: list[dict[str, Any]] = self._ask("GET", "/_faults")["faults"]
        return found

    def heal(self) -> None:
        """Switch all faults off."""
        self._ask("DELETE", "/_faults")

    def teach(self, answers: Mapping[str, Mapping[str, object]]) -> None:
        """What endpoints answer that the stand-in does not know, by path below /v2/."""
        self._ask("POST", "/_answers", answers)

    def form(self, facts: Mapping[str, object]) -> None:
        """What closum.yaml says: from now on it is called, answers and tells so."""
        self._ask("POST", "/_facts", facts)

    def reset(self) -> None:
        """As new."""
        self._ask("POST", "/_reset")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, method=method), timeout=30) as answer:  # noqa: S310 - http to ourselves
            return json.load(answer)


@contextlib.contextmanager
def closum(port: int = 0) -> Iterator[Closum]:
    """A stand-in on the loopback address. It ends with the block."""
    started: list[int | OSError] = []
    ready = threading.Event()
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with serving("127.0.0.1", port) as real:
                started.append(real)
                ready.set()
                await stop.wait()
        except OSError as error:
            started.append(error)
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    real = started[0]
    if isinstance(real, OSError):
        raise real
    try:
        yield Closum(f"http://127.0.0.1:{real}")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
