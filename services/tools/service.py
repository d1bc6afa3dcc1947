"""The whole process: parts are connected, the application runs, and everything is left in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import asyncpg
import faust

from contracts.topics import ACTIONS, ACTIONS_DLQ, EVENTS, EVENTS_DLQ, HISTORY, RUNS, RUNS_DLQ
from services.flows.catalogue import collect
from services.runtime import database, health, kafka, lifecycle, logging, metrics
from services.runtime.flow_hold import FlowHold
from services.runtime.kafka.group_offsets import GroupOffsets
from services.runtime.kafka.publishing import BatchPublisher
from services.runtime.tables import claims as claimed
from services.runtime.tables import dead_runs, expiry
from services.runtime.tables.expiry import Expiring
from services.runtime.watchdog import Watchdog
from services.tools import catalog, claims, content_repeats, faust_app
from services.tools.batch_processor import BatchProcessor
from services.tools.dead_run_marks import DeadRunMarker
from services.tools.deployed.deployed_flows import DeployedFlows, NothingRunsError
from services.tools.echoes import echoes
from services.tools.echoes.loop_limits import LoopLimits
from services.tools.folder_flows import FolderFlows
from services.tools.held import held_table
from services.tools.held.flow_door import FlowDoor
from services.tools.held.held_release import HeldRelease
from services.tools.held.held_table import HeldTable, place_of
from services.tools.settings import ToolsSettings
from services.tools.state.state_tables import answers
from services.tools.timers.timer_firing import TimerFiring, watch
from services.tools.timers.timer_table import TimerTable
from services.tools.timers.timers import DatabaseTimers

log = logging.get("service")
LEAVE_SECONDS = 5.0
HEALTH_PORT = 9102
EXPIRING = (
    claimed.EXPIRING,
    dead_runs.EXPIRING,
    held_table.EXPIRING,
    *map(Expiring, ("contents", "state_cells", "state_answers", "echoes", "echo_aliases", "sync_ledger")),
)
EVENT_SCOPE = "event"


async def run(settings: ToolsSettings, flows: FolderFlows | None) -> None:
    """Consume until told to stop. Waits for Kafka and PostgreSQL, at the start and later.

    Without `flows`, those that are deployed to the database run: it waits for the first, and takes up each later one.
    """
    stop = lifecycle.stop_signal()
    state = health.Health(stall_seconds=settings.stall_seconds, checks={"service": _starting})
    served = await health.serve(state, settings.health_host, settings.health_port or HEALTH_PORT)
    try:
        async with _producer(settings, state, stop) as producer, _pool(settings, state, stop) as pool:
            parts = _Parts(producer, pool, state, stop)
            await _consume(settings, flows or await _deployed(parts), parts)
    finally:
        await served.cleanup()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the process is connected to and told by."""

    producer: kafka.Producer
    pool: asyncpg.Pool
    health: health.Health
    stop: asyncio.Event


async def _deployed(parts: _Parts) -> DeployedFlows:
    """The deployed flows, as soon as there are some."""
    flows = DeployedFlows(parts.pool, collect(catalog), parts.health.turned)

    async def start() -> None:
        parts.health.turned()  # waiting for the first deployment is no stall
        try:
            await flows.start()
        except NothingRunsError as error:
            parts.health.checks = {"flows": partial(_not_yet, str(error))}
            raise

    await lifecycle.patiently("flows", start, parts.stop)
    return flows


async def _not_yet(why: str) -> None:
    raise RuntimeError(why)


async def _consume(settings: ToolsSettings, flows: FolderFlows | DeployedFlows, parts: _Parts) -> None:
    offsets = GroupOffsets(settings, faust_app.GROUP)
    watchdog = Watchdog(offsets, lambda: faust_app.assigned(application), parts.health, settings.stall_seconds)
    keep = timedelta(hours=settings.duplicate_hours)

    async def claim(wishes: Sequence[claims.EventClaim]) -> list[claims.ClaimAnswer]:
        return await database.patiently(
            "claims", lambda: content_repeats.noted(parts.pool, EVENT_SCOPE, wishes, keep), watchdog.moved
        )

    async def mark(dead: Sequence[dead_runs.DeadRunMark]) -> None:
        await database.patiently("deaths", lambda: dead_runs.mark(parts.pool, dead), watchdog.moved)

    store = TimerTable(parts.pool)
    firing = TimerFiring(store, BatchPublisher(parts.producer), settings.timer_rate, mark)
    answers_kept = timedelta(hours=settings.answer_hours)
    held, hold = HeldTable(parts.pool), FlowHold.of(settings, gauge=metrics.FLOW_HELD)
    processor = BatchProcessor(
        flows,
        claim,
        BatchPublisher(parts.producer, watchdog.moved),
        DatabaseTimers(parts.pool, answers_kept, watchdog.moved),
        answer=answers(parts.pool, answers_kept, watchdog.moved),
        on_batch=watchdog.moved,
        died=mark,
        echoes=echoes.made(parts.pool, _limits(settings), watchdog.moved),
        door=FlowDoor(held, hold, watchdog.moved),
    )

    async def start() -> faust.App:
        parts.health.turned()  # as for the producer
        return await faust_app.started(settings, processor.events, processor.runs)

    application = await lifecycle.patiently("Kafka", start, parts.stop)
    parts.health.checks = {"kafka": parts.producer.answers, "postgresql": partial(database.answers, parts.pool)}
    release = HeldRelease(held, hold, flows, BatchPublisher(parts.producer), lambda: _places(settings, application))
    following = []
    if isinstance(flows, DeployedFlows):
        parts.health.checks |= {"flows": flows.healthy}
        following.append(flows.follow())
    log.info("service.started", group=settings.topic_prefix + faust_app.GROUP)
    try:
        await lifecycle.until(
            parts.stop,
            faust_app.supervise(application),
            watchdog.run(),
            firing.run(),
            watch(store),
            release.run(),
            DeadRunMarker(settings, mark).run(),
            expiry.keep_flat(parts.pool, *EXPIRING),
            *following,
        )
    finally:
        parts.health.leaving = True
        await faust_app.leave(application, settings.drain_seconds)
        await offsets.close()
        log.info("service.stopped")


def _places(settings: ToolsSettings, application: faust.App) -> list[str]:
    """Those of `events` that this process has."""
    topic = EVENTS.under(settings.topic_prefix)
    return [place_of(name, partition) for name, partition in faust_app.assigned(application) if name == topic]


def _limits(settings: ToolsSettings) -> LoopLimits:
    return LoopLimits(
        on=settings.echo_suppression,
        seconds=settings.echo_seconds,
        ledger_seconds=settings.ledger_days * 86_400,
        most_hops=settings.most_hops,
        most_a_minute=settings.most_changes_a_minute,
    )


async def _starting() -> None:
    raise RuntimeError("is starting: it waits for Kafka, its topics and PostgreSQL")


@asynccontextmanager
async def _producer(
    settings: ToolsSettings, state: health.Health, stop: asyncio.Event
) -> AsyncIterator[kafka.Producer]:
    producer = kafka.Producer(settings)

    async def start() -> None:
        state.turned()  # waiting for a part that is away is no stall
        await producer.start()

    async def require() -> None:
        state.turned()
        await producer.require((EVENTS, RUNS, ACTIONS, HISTORY, EVENTS_DLQ, RUNS_DLQ, ACTIONS_DLQ))

    async def coordinated() -> None:
        state.turned()
        await kafka.coordinator(settings, faust_app.GROUP)

    await lifecycle.patiently("Kafka", start, stop)
    try:
        # A consumer that subscribes to a topic that is not there looks for it again after minutes only.
        await lifecycle.patiently("topics", require, stop)
        await lifecycle.patiently("the group's coordinator", coordinated, stop)
        yield producer
    finally:
        with suppress(TimeoutError):  # everything that matters was acknowledged
            await asyncio.wait_for(producer.stop(), LEAVE_SECONDS)


@asynccontextmanager
async def _pool(settings: ToolsSettings, state: health.Health, stop: asyncio.Event) -> AsyncIterator[asyncpg.Pool]:
    async def connect() -> asyncpg.Pool:
        state.turned()
        return await database.connect(settings.database_url)

    pool = await lifecycle.patiently("PostgreSQL", connect, stop)
    try:
        yield pool
    finally:
        pool.terminate()
