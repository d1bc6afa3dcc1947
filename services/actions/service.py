"""The whole process: parts are connected, records are consumed, and everything is left in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer

from services.actions.admin import Admin
from services.actions.connections import Connection, load
from services.actions.consumer import GROUP, Consumer, leave
from services.actions.delivery.courier import Courier
from services.actions.delivery.job import Planner
from services.actions.delivery.publisher import Publisher
from services.actions.equip import equipped
from services.actions.registry import ACTIONS
from services.runtime import health, kafka, lifecycle, logging
from services.runtime.egress import Egress
from services.runtime.http import Client
from services.runtime.offsets import Offsets, Place
from services.runtime.settings import ActionsSettings
from services.runtime.watchdog import Watchdog

log = logging.get("service")
HEALTH_PORT = 9103
LEAVE_SECONDS = 5.0


async def run(settings: ActionsSettings, connections: Mapping[str, Connection]) -> None:
    """Consume until told to stop. Waits for Kafka, at the start and later."""
    stop = lifecycle.stop_signal()
    state = health.Health(stall_seconds=settings.stall_seconds)
    admin = Admin(settings, load(settings.connections_file, secrets=False))
    served = await health.serve(state, settings.health_host, settings.health_port or HEALTH_PORT, admin.routes())
    client = Client(Egress(settings.egress_allow), max_answer_bytes=settings.max_answer_bytes)
    try:
        async with (
            equipped(settings, connections, client) as ready,
            _producer(settings, state, stop) as producer,
            _consumer(settings, state, stop) as consumer,
        ):
            state.checks = {"kafka": producer.answers}
            await _consume(
                settings,
                ready,
                client=client,
                producer=producer,
                from_kafka=consumer,
                state=state,
                stop=stop,
            )
    finally:
        await client.close()
        await served.cleanup()
        log.info("service.stopped")


async def _consume(
    settings: ActionsSettings,
    connections: Mapping[str, Connection],
    *,
    client: Client,
    producer: kafka.Producer,
    from_kafka: AIOKafkaConsumer,
    state: health.Health,
    stop: asyncio.Event,
) -> None:
    offsets = Offsets(settings, GROUP)

    def assigned() -> set[Place]:
        return consumer.assigned()

    watchdog = Watchdog(offsets, assigned, state, settings.stall_seconds)
    publisher = Publisher(producer)
    consumer = Consumer(
        settings,
        from_kafka,
        Planner(ACTIONS, connections),
        lambda owned: Courier(client, publisher, settings.call_seconds, owned),
        watchdog.moved,
    )
    log.info("service.started", group=settings.topic_prefix + GROUP, connections=sorted(connections))
    watching = asyncio.create_task(watchdog.run())
    leaving = asyncio.create_task(_note_leaving(state, stop))
    try:
        # It ends by itself after `stop`: what is at work is finished first.
        await consumer.run(stop)
    finally:
        for task in (watching, leaving):
            task.cancel()
        await asyncio.gather(watching, leaving, return_exceptions=True)
        await offsets.close()


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
        await leave(consumer, LEAVE_SECONDS)
