"""The service put together: start in any state of Kafka and PostgreSQL, end without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from services.closum.facts import load as load_facts
from services.ingest import app, event_ends, polls, refused_again, schedules
from services.ingest.event_publisher import EventPublisher
from services.ingest.refused_again import Rereading
from services.ingest.server import HttpServer
from services.ingest.settings import IngestSettings
from services.ingest.sources.load import Sources, load
from services.runtime import health, lifecycle, logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.settings import SettingsError

HEALTH_PORT = 9101
TURN_SECONDS = 1.0

log = logging.get("service")


def sources(settings: IngestSettings) -> Sources:
    """All of the sources file. Raises SettingsError; also when no event could ever be accepted."""
    if settings.sources_file is not None:
        facts = None if settings.closum_file is None else load_facts(settings.closum_file)
        return load(settings.sources_file, facts=facts)
    if settings.events_token is None and settings.events_tokens_file is None:
        raise SettingsError(
            "FLOWS_SOURCES_FILE and FLOWS_EVENTS_TOKENS_FILE: neither is set, so nobody could send anything. "
            "Begin with a copy of deploy/config/sources.yaml"
        )
    return Sources()


async def serve(settings: IngestSettings) -> None:
    """Run until SIGTERM or Ctrl-C, then finish the requests at work."""
    loaded = sources(settings)
    stop = lifecycle.stop_signal()
    publisher = EventPublisher(settings)
    shared = app.core(settings, publisher)
    whole = app.whole_events(settings, loaded, shared)
    again = Rereading(loaded.hooks, shared.bodies, shared.refusals, publisher, settings.max_body_bytes, whole)
    server = HttpServer(
        app.build(settings, loaded, shared),
        settings.ingest_host,
        settings.ingest_port,
        settings.max_in_flight,
        settings.keep_alive_seconds,
    )
    state = health.Health(stall_seconds=settings.stall_seconds, checks={"kafka": publisher.answers})
    port = settings.health_port or HEALTH_PORT
    watched = await health.serve(state, settings.health_host, port)
    connecting = asyncio.create_task(publisher.keep_connected())
    log.info(
        "service.started",
        address="{}:{}".format(*server.address),
        health_port=port,
        hooks=len(loaded.hooks),
        schedules=len(loaded.schedules),
        polls=len(loaded.polls),
    )
    try:
        async with (
            _beside("ends", lambda: event_ends.keep(settings, shared.data)),
            _beside("schedules", lambda: schedules.keep(loaded.schedules, shared.data, shared.taker)),
            _beside("polls", lambda: polls.keep(loaded.polls, shared.data, shared.taker, shared.client)),
            _beside("refused", lambda: refused_again.keep(settings, again)),
            _beside("refusals", lambda: shared.refusals.keep_counted(shared.data)),
        ):
            await lifecycle.until(stop, server.serve(), _turn(state), _watch(connecting))
    finally:
        state.leaving = True
        log.info("service.stopping", drain_seconds=settings.drain_seconds)
        if not await server.stop(settings.drain_seconds):
            log.warning("requests.cut_off", cause="not finished within drain_seconds")
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await publisher.stop()
        await shared.client.close()
        shared.data.close()
        await watched.cleanup()
        log.info("service.stopped")


@contextlib.asynccontextmanager
async def _beside(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Work that goes on beside the requests: its fault is logged and counted, and it begins anew."""

    async def guarded() -> None:
        back_off = BackOff()
        while True:
            try:
                return await work()
            except Exception:
                log.exception("work.failed", work=name)
                metrics.WAITS.labels(name).inc()
            await back_off.wait()

    task = asyncio.create_task(guarded())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _turn(state: health.Health) -> None:
    while True:
        state.turned()
        await asyncio.sleep(TURN_SECONDS)


async def _watch(task: asyncio.Task[None]) -> None:
    """Wait for a task without owning it: it goes on while the requests at work are finished."""
    await asyncio.shield(task)
