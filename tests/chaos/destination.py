"""The systems that flows call: each notes what was asked of it and what it did, and is ill when it is told to be."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.chaos.network import LOOPBACK
from tests.chaos.plan import Illness

NOT_FOUND = 404
RETRY_AFTER_SECONDS = 1
_STATUS = {Illness.BUSY: 503, Illness.LIMITED: 429, Illness.REFUSED: 401}

Effect = tuple[str, str, int, int | None]
"""Path, contact, number, item: what may be done once."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, `at` by time.time(). `acted`: it had its effect. `answered`: the caller was told so."""

    at: float
    key: str
    acted: bool
    answered: bool
    version: int


@dataclass
class Destination:
    """One connection's. `keyed`: it recognises a repetition by its Idempotency-Key."""

    name: str
    keyed: bool
    port: int = 0
    ill: Illness | None = None
    seen: dict[Effect, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    order: list[Effect] = field(default_factory=list)
    """Effects, in the order in which they were first had."""
    _keys: dict[str, Effect] = field(default_factory=dict)
    _runner: web.ServerRunner | None = None
    _well: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Listen."""
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0, backlog=1024).start()
        self.port, self._runner = runner.addresses[0][1], runner

    async def close(self) -> None:
        """Leave nothing open."""
        self.heal()
        if self._runner is not None:
            await self._runner.cleanup()

    def fall(self, illness: Illness) -> None:
        """Be ill from now on."""
        self.ill = illness
        self._well.clear()

    def heal(self) -> None:
        """Be well again."""
        self.ill = None
        self._well.set()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = request.method == "GET"
        body: dict[str, Any] = dict(request.query) if asked else orjson.loads(await request.read())
        effect: Effect = (request.path, str(body["contact"]), int(body["n"]), body.get("item"))
        ill = self.ill
        if ill in _STATUS:
            if not asked:
                self._note(request, body, effect, acts=False, answered=True)
            headers = {} if ill is Illness.REFUSED else {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return web.Response(status=_STATUS[ill], headers=headers)
        if not asked:
            self._note(request, body, effect, acts=ill is not Illness.CUT_BEFORE, answered=ill is None)
        if ill is Illness.HANGS:
            await self._well.wait()
            ill = Illness.CUT_AFTER
        if ill is not None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if asked:
            return web.json_response({}, status=200 if any(one.acted for one in self.seen[effect]) else NOT_FOUND)
        return web.json_response({"ok": True}, status=201)

    def _note(
        self, request: web.BaseRequest, body: dict[str, Any], effect: Effect, *, acts: bool, answered: bool
    ) -> None:
        key = request.headers.get("Idempotency-Key", "")
        acted = acts and not (self.keyed and key in self._keys)
        if acted:
            self._keys[key] = effect
            if not any(one.acted for one in self.seen[effect]):
                self.order.append(effect)
        self.seen[effect].append(Seen(time.time(), key, acted, answered, body["v"]))
