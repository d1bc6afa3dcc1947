"""/livez: the loop really turned. /readyz: Kafka and PostgreSQL answer. /metrics: Prometheus text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.runtime import metrics
from services.runtime.settings import SettingsError

CHECK_SECONDS = 2.0
Check = Callable[[], Awaitable[object]]


@dataclass
class Health:
    """What a service knows of itself. `turned()` is called on each turn of its main loop."""

    stall_seconds: float = 30.0
    checks: dict[str, Check] = field(default_factory=dict)
    leaving: bool = False
    _last_turn: float = field(default_factory=time.monotonic)

    def turned(self) -> None:
        """The main loop went round once more."""
        self._last_turn = time.monotonic()

    @property
    def seconds_since_turn(self) -> float:
        """How long the main loop has not turned."""
        return time.monotonic() - self._last_turn

    async def faults(self) -> dict[str, str]:
        """What does not answer now, by name; empty when ready."""
        if self.leaving:
            metrics.READY.set(0)
            return {"service": "is stopping"}
        faults: dict[str, str] = {}

        async def ask(name: str, check: Check) -> None:
            try:
                await asyncio.wait_for(check(), CHECK_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer, shown by /readyz
                faults[name] = f"{type(error).__name__}: {error}"[:200]

        await asyncio.gather(*(ask(name, check) for name, check in self.checks.items()))
        metrics.READY.set(0 if faults else 1)
        return faults


async def serve(health: Health, host: str, port: int, more: Iterable[web.RouteDef] = ()) -> web.AppRunner:
    """Start the health server; `cleanup()` of the answer ends it. Raises SettingsError when it cannot listen there.

    `more`: what else is offered on this port, which is for those who run the installation.
    """

    async def livez(_request: web.Request) -> web.Response:
        late = health.seconds_since_turn
        alive = late < health.stall_seconds
        return web.json_response({"alive": alive, "seconds_since_turn": round(late, 3)}, status=200 if alive else 503)

    async def readyz(_request: web.Request) -> web.Response:
        faults = await health.faults()
        return web.json_response({"ready": not faults, "faults": faults}, status=503 if faults else 200)

    async def scrape(_request: web.Request) -> web.Response:
        await health.faults()  # for flows_ready: nobody else may be asking
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", scrape), *more])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(
            f"FLOWS_HEALTH_PORT={port}, FLOWS_HEALTH_HOST={host!r}: cannot listen there: {error.strerror or error}. "
            "Choose another port, or end what uses this one"
        ) from error
    return runner
