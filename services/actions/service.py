"""The whole process: parts are connected, records are consumed, and everything is left in order."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import asyncpg
from aiokafka import AIOKafkaConsumer

from contracts.topics import DAY_SECONDS
from services.actions.admin.dead_letters import DeadLetterAdmin
from services.actions.assembly import Given, assembled
from services.actions.connections.connection import Connection, load
from services.actions.connections.setup import equipped
from services.actions.consumer import GROUP
from services.actions.journal.effects_table import EffectsTable
from services.actions.journal.unknown_calls import UnknownCalls
from services.actions.limits.limits_table import LimitsTable
from services.actions.queue import oldest_parked
from services.actions.queue.assignment import Assignments
from services.actions.queue.parked_table import ParkedTable
from services.actions.registry import ACTIONS
from services.actions.settings import ActionsSettings
from services.actions.world import REAL, World
from services.runtime import database, health, kafka, lifecycle, logging
from services.runtime.egress import Egress
from services.runtime.http import Client
from services.runtime.kafka.group_offsets import GroupOffsets
from services.runtime.tables import effects, expiry
from services.runtime.watchdog import Watchdog

log = logging.get("service")
HEALTH_PORT = 9103
LEAVE_SECONDS = 5.0


async def run(settings: ActionsSettings, connections: Mapping[str, Connection], world: World = REAL) -> None:
    """Consume until told to stop. Waits for Kafka and PostgreSQL, at the start and later."""
    stop = lifecycle.stop_signal()
    state = health.Health(stall_seconds=settings.stall_seconds, checks={"service": _starting})
    admin = DeadLetterAdmin(settings, load(settings.connections_file, secrets=False))
    served = await health.serve(state, settings.health_host, settings.health_port or HEALTH_PORT, admin.routes())
    client = Client(Egress(settings.egress_allow, settings.egress_ports), max_answer_bytes=settings.max_answer_bytes)
    try:
        async with (
            equipped(settings, connections, client) as ready,
            _producer(settings, state, stop) as producer,
            _pool(settings, state, stop) as pool,
            _consumer(settings, state, stop) as consumer,
        ):
            state.checks = {"kafka": producer.answers, "postgresql": partial(database.answers, pool)}
            await _consume(settings, ready, _Parts(client, producer, pool, consumer, state, stop, world))
    finally:
        await client.close()
        await served.cleanup()
        log.info("service.stopped")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the process is connected to and told by."""

    client: Client
    producer: kafka.Producer
    pool: asyncpg.Pool
    kafka: AIOKafkaConsumer
    health: health.Health
    stop: asyncio.Event
    world: World


async def _consume(settings: ActionsSettings, connections: Mapping[str, Connection], parts: _Parts) -> None:
    offsets, assignments, pool = GroupOffsets(settings, GROUP), Assignments(), parts.pool
    watchdog = Watchdog(offsets, assignments.places, parts.health, settings.stall_seconds)
    given = Given(
        _owner(settings),
        parts.client,
        parts.producer,
        parts.kafka,
        EffectsTable(pool, settings.effect_days * DAY_SECONDS),
        UnknownCalls(pool, watchdog.moved),
        LimitsTable(pool),
        ParkedTable(pool),
        parts.world,
    )
    worker = assembled(settings, ACTIONS, connections, given, assignments=assignments, moved=watchdog.moved)
    log.info("service.started", group=settings.topic_prefix + GROUP, connections=sorted(connections))
    beside = [
        asyncio.create_task(work)
        for work in (
            watchdog.run(),
            _note_leaving(parts.health, parts.stop),
            expiry.keep_flat(pool, effects.EXPIRING),
            oldest_parked.watch(pool),
        )
    ]
    try:
        # It ends by itself after `stop`: what is at work is finished first.
        await worker.run(parts.stop)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await offsets.close()


def _owner(settings: ActionsSettings) -> str:
    """This worker's name, new with each start."""
    return f"{settings.instance_id or socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


async def _starting() -> None:
    raise RuntimeError("is starting: it waits for Kafka and PostgreSQL")


async def _note_leaving(state: health.Health, stop: asyncio.Event) -> None:
    await stop.wait()
    state.leaving = True


@asynccontextmanager
async def _producer(
    settings: ActionsSettings, state: health.Health, stop: asyncio.Event
) -> AsyncIterator[kafka.Producer]:
    producer = kafka.Producer(settings)

    async def start() -> None:
        state.turned()  # waiting for a part that is away is no stall
        await producer.start()

    await lifecycle.patiently("Kafka", start, stop)
    try:
        yield producer
    finally:
        with suppress(TimeoutError):  # everything that matters was acknowledged
            await asyncio.wait_for(producer.stop(), LEAVE_SECONDS)


@asynccontextmanager
async def _pool(settings: ActionsSettings, state: health.Health, stop: asyncio.Event) -> AsyncIterator[asyncpg.Pool]:
    async def connect() -> asyncpg.Pool:
        state.turned()
        return await database.connect(settings.database_url)

    async def migrated() -> None:
        state.turned()
        await pool.execute("select from effects limit 1")

    pool = await lifecycle.patiently("PostgreSQL", connect, stop)
    try:
        await lifecycle.patiently("the tables", migrated, stop)
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def _consumer(
    settings: ActionsSettings, state: health.Health, stop: asyncio.Event
) -> AsyncIterator[AIOKafkaConsumer]:
    async def start() -> AIOKafkaConsumer:
        state.turned()
        consumer = kafka.consumer(settings, GROUP)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    consumer = await lifecycle.patiently("Kafka", start, stop)
    try:
        yield consumer
    finally:
        await consumer.stop()
