"""How each trouble is made, and ended again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError

from contracts.topics import ACTIONS, ALL, EVENTS, RUNS, Topic
from deploy.local.local_server import LocalServer
from services.cli.terminal import CommandError
from tests.chaos.plan import KAFKA, POSTGRES, Illness, Kind, Trouble
from tests.chaos.processes import Service
from tests.chaos.world import World
from tests.support.strangers import broken_batch

READ_TOPICS = (EVENTS, RUNS, ACTIONS)
DELAY_SECONDS = 0.3
STORM_SECONDS = 8.0
AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 300.0  # a crowded machine takes more than a minute to start Kafka
VERSION = 2
SECOND_TRIES = (KafkaError, CommandError, OSError, asyncpg.PostgresError)
POISON: tuple[tuple[bytes | None, bytes | None], ...] = (
    (None, b"no key"),
    (b"default/c1", None),
    (b"default/c2", b""),
    (b"default/c3", b"\xff\xfe\x00garbage"),
    (b"default/c4", b"null"),
    (b"default/c5", b"[" * 5_000),
    (b"default/c6", b'{"specversion":"9.9","id":"x","source":"/x","type":"x","subject":"c6","data":{}}'),
    (b"default/c7", b'{"run":{"id":"r","flow":"chaos-order","version":"never was","event":{"id":"x"},"key":"c7"}}'),
    (b"default/c8", b'{"kind":"of a newer version","effect_id":"x","outcome":"better"}'),
    (b"k" * 900_000, b"{}"),
)
"""What others may write: tombstones, garbage, other versions, a key of almost 1 MB."""


async def make(world: World, trouble: Trouble) -> None:
    """Make it, and end it after its time."""
    with world.noted(trouble):
        async with _made(world, trouble):
            await asyncio.sleep(trouble.seconds)


def _made(world: World, trouble: Trouble) -> contextlib.AbstractAsyncContextManager[None]:
    if trouble.kind is Kind.ILL:
        return _ill(world, trouble)
    if trouble.kind is Kind.UNREADABLE:
        return _unreadable(world)
    if trouble.target.startswith("net "):
        return _network(world, trouble)
    if trouble.target in {KAFKA, POSTGRES}:
        return _server(world, trouble)
    if trouble.target in world.services:
        return _process(world, trouble)
    return _at_once(world, trouble)


@asynccontextmanager
async def _ill(world: World, trouble: Trouble) -> AsyncIterator[None]:
    world.destinations[trouble.target].fall(Illness(trouble.how))
    try:
        yield
    finally:
        world.destinations[trouble.target].heal()


@asynccontextmanager
async def _network(world: World, trouble: Trouble) -> AsyncIterator[None]:
    link = world.links[trouble.target.removeprefix("net ")]
    match trouble.kind:
        case Kind.CUT:
            await link.cut()
        case Kind.DELAY:
            link.delay_seconds = DELAY_SECONDS
        case _:
            link.half_open()
    try:
        yield
    finally:
        await link.mend()


@asynccontextmanager
async def _server(world: World, trouble: Trouble) -> AsyncIterator[None]:
    server: LocalServer = world.kafka if trouble.target == KAFKA else world.postgres
    match trouble.kind:
        case Kind.PAUSE:
            _signal(server, signal.SIGSTOP)
            try:
                yield
            finally:
                _signal(server, signal.SIGCONT)
            return
        case Kind.READ_ONLY:
            await _read_only(world, "on")
            yield
            await _read_only(world, "off")
            return
        case Kind.STOP:
            await asyncio.to_thread(server.stop)
        case _:
            await asyncio.to_thread(server.kill)
    yield
    await asyncio.to_thread(server.start)


def _signal(server: LocalServer, number: signal.Signals) -> None:
    if server._child is None:
        return
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(server._child.pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


async def _read_only(world: World, on: str) -> None:
    # By itself it could not be undone.
    connection = await asyncpg.connect(world.url, server_settings={"default_transaction_read_only": "off"})
    try:
        await connection.execute(f"alter system set default_transaction_read_only = {on}")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()


@asynccontextmanager
async def _process(world: World, trouble: Trouble) -> AsyncIterator[None]:
    service = world.services[trouble.target]
    match trouble.kind:
        case Kind.PAUSE:
            service.signal(signal.SIGSTOP)
            try:
                yield
            finally:
                service.signal(signal.SIGCONT)
            return
        case Kind.STOP:
            await service.stop()
        case _:
            service.kill()
    yield
    service.start()


@asynccontextmanager
async def _at_once(world: World, trouble: Trouble) -> AsyncIterator[None]:
    match trouble.kind:
        case Kind.STORM:
            await _storm(world, trouble)
        case Kind.POISON:
            await _patiently(lambda: _poison(world))
        case Kind.DEPLOY:
            await _patiently(lambda: world.deploy(VERSION))
        case _:
            await _patiently(lambda: _grow(world, trouble))
    yield


async def _patiently(work: Callable[[], Awaitable[None]]) -> None:
    """As a person would: again, until it is done."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await work()
        except SECOND_TRIES:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def _storm(world: World, trouble: Trouble) -> None:
    """Workers that nobody asked for, one after the other; each other one is killed."""
    chance = random.Random(trouble.how)  # noqa: S311 - moments, no secrets
    for number in range(int(trouble.how)):
        extra = world.service(f"{trouble.target}-x{number}")
        extra.start()
        try:
            await _joined(world, extra)
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            if number % 2:
                await extra.stop()
        finally:
            extra.kill()
        world.notes += extra.faults


async def _joined(world: World, extra: Service) -> None:
    end = time.monotonic() + STORM_SECONDS
    while time.monotonic() < end and not await extra.ready(world.session):  # noqa: ASYNC110 - asks it
        await asyncio.sleep(0.1)


async def _poison(world: World) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=world.settings.kafka_bootstrap, max_request_size=1_000_000, request_timeout_ms=10_000
    )
    try:
        await producer.start()
        for topic in ALL:
            for key, value in POISON:
                await producer.send_and_wait(topic.under(world.settings.topic_prefix), value, key=key)
    finally:
        await producer.stop()


@asynccontextmanager
async def _unreadable(world: World) -> AsyncIterator[None]:
    """A batch in an unknown codec on each topic that is consumed; whole again after a while, as a broker needs it."""
    async with contextlib.AsyncExitStack() as stack:
        for topic in READ_TOPICS:
            await _patiently(lambda topic=topic: _spoil(world, topic, stack))  # type: ignore[misc]
        yield


async def _spoil(world: World, topic: Topic, stack: contextlib.AsyncExitStack) -> None:
    """No consumer of ours sees it before it is spoiled: it is in a transaction until then."""
    name = topic.under(world.settings.topic_prefix)
    producer = AIOKafkaProducer(
        bootstrap_servers=world.settings.kafka_bootstrap, transactional_id=f"chaos-{time.monotonic_ns()}"
    )
    try:
        await producer.start()
        async with producer.transaction():
            put = await producer.send_and_wait(name, b"{}", key=b"default/c9", partition=0)
            stack.enter_context(broken_batch(world.kafka, name, put.offset, "codec"))
    finally:
        await producer.stop()


async def _grow(world: World, trouble: Trouble) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka_bootstrap)
    try:
        await admin.start()
        name = f"{world.settings.topic_prefix}{trouble.target}"
        await admin.create_partitions({name: NewPartitions(total_count=int(trouble.how))})
    finally:
        await admin.close()
