"""The rules of the Faust application on a real broker. Those that are settings: tests/unit/tools/test_app.py.

Kills, rebalances and parts that are away: test_tools_process.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from contracts.dead_letters import DeadLetter
from contracts.topics import EVENTS, EVENTS_DLQ
from services.runtime import kafka
from services.runtime.offsets import Offsets
from services.runtime.settings import ToolsSettings
from services.tools import app
from services.tools.load import InFolder
from services.tools.membership import Membership
from services.tools.processor import Processor
from services.tools.publisher import Publisher
from services.tools.records import Record
from tests.support.batches import MemoryClaims, MemoryTimers
from tests.support.tools_process import read, send, story


@pytest.fixture
async def settings(kafka_bootstrap: str, topic_prefix: str) -> ToolsSettings:
    """Settings of a test's own topics, which are there, with one partition each."""
    made = ToolsSettings(
        kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=1, instance_id="one", batch_size=50
    )
    await kafka.make_topics(made)
    return made


class Handler:
    """Takes batches, and holds each until `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[Record]] = []
        self.finished = 0
        self.most_at_once = 0
        self.go = asyncio.Event()

    async def __call__(self, records: Sequence[Record]) -> None:
        """Take one batch."""
        self.batches.append(list(records))
        self.most_at_once = max(self.most_at_once, len(self.batches) - self.finished)
        await self.go.wait()
        self.finished += 1

    @property
    def taken(self) -> list[Record]:
        """All records so far."""
        return [record for batch in self.batches for record in batch]


@asynccontextmanager
async def running(settings: ToolsSettings, handler: Handler) -> AsyncIterator[None]:
    """The application, started; left in order at the end."""
    application = app.make(settings, handler, handler)
    await application.start()
    try:
        yield
    finally:
        handler.go.set()
        await app.leave(application, 30)


async def until(wanted: Callable[[], bool]) -> None:
    """Poll."""
    async with asyncio.timeout(60):
        while not wanted():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def committed(settings: ToolsSettings) -> int:
    """The committed offset of the only partition of `events`."""
    offsets = Offsets(settings, app.GROUP)
    place = (EVENTS.under(settings.topic_prefix), 0)
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    return (await offsets.progress([place]))[place].committed
                except KafkaError:
                    await asyncio.sleep(0.1)
    finally:
        await offsets.close()


async def test_nothing_is_committed_before_its_batch_is_done(settings: ToolsSettings) -> None:
    """Neither by the commit timer, which goes round each second, nor for records behind the batch."""
    handler = Handler()
    await send(settings, story(settings.topic_prefix, 120))
    async with running(settings, handler):
        await until(lambda: bool(handler.batches))
        await asyncio.sleep(2.5)  # time for two commits: that they do not happen cannot be polled
        assert await committed(settings) == 0
        assert len(handler.batches) == 1, "the next batch waits for this one"
        handler.go.set()
        await until(lambda: len(handler.taken) == 120)
    assert await committed(settings) == 120


async def test_batches_come_one_after_the_other_in_order_and_bounded(settings: ToolsSettings) -> None:
    handler = Handler()
    handler.go.set()
    events = story(settings.topic_prefix, 500)
    await send(settings, events)
    async with running(settings, handler):
        await until(lambda: len(handler.taken) == 500)
    assert [record.value for record in handler.taken] == [event.to_bytes() for event in events]
    assert [record.offset for record in handler.taken] == list(range(500))
    assert handler.most_at_once == 1
    assert max(len(batch) for batch in handler.batches) <= settings.batch_size


async def test_records_come_untouched(settings: ToolsSettings) -> None:
    """Bytes that are nothing, no value, no key: faust decodes none of it, and its agent lives on."""
    handler = Handler()
    handler.go.set()
    odd = [(b"\xff", b"\xfe\x00"), (None, b"x"), (b"k", None), (None, None), (b"", b"")]
    await send_odd(settings, odd)
    async with running(settings, handler):
        await until(lambda: len(handler.taken) == len(odd))
    assert [(record.key, record.value) for record in handler.taken] == odd
    assert all(record.headers == [("h", b"\xff"), ("none", None)] for record in handler.taken)
    assert {record.name for record in handler.taken} == {EVENTS.under(settings.topic_prefix)}


async def test_what_kafka_can_hold_can_be_a_dead_letter(settings: ToolsSettings) -> None:
    """Also a record with neither key nor value, and headers without a value: it must not stop the partition."""
    odd = [(None, None), (None, b"x"), (b"k", None)]
    await send_odd(settings, odd)
    producer = kafka.Producer(settings)
    await producer.start()
    processor = Processor(InFolder([]), MemoryClaims().noted, Publisher(producer), MemoryTimers())
    handler = Handler()
    handler.go.set()

    async def both(records: Sequence[Record]) -> None:
        await processor.events(records)
        await handler(records)

    application = app.make(settings, both, both)
    await application.start()
    await until(lambda: len(handler.taken) == len(odd))
    await app.leave(application, 30)
    await producer.stop()
    dead = await read(settings, EVENTS_DLQ, lambda found: len(found) == len(odd))
    assert [one.value for one in dead] == [None, b"x", None]
    assert [DeadLetter.from_headers(one.headers).offset for one in dead] == [0, 1, 2]


async def send_odd(settings: ToolsSettings, odd: Sequence[tuple[bytes | None, bytes | None]]) -> None:
    """Produce what our own producer would not: in a batch, which is not looked at."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    batch = producer.create_batch()
    for key, value in odd:
        batch.append(key=key, value=value, timestamp=None, headers=[("h", b"\xff"), ("none", None)])
    await (await producer.send_batch(batch, EVENTS.under(settings.topic_prefix), partition=0))
    await producer.stop()


async def test_leaving_finishes_and_commits_the_batch_at_hand(settings: ToolsSettings) -> None:
    """What was taken is done and committed; what was not taken is not."""
    handler = Handler()
    await send(settings, story(settings.topic_prefix, 300))
    application = app.make(settings, handler, handler)
    await application.start()
    await until(lambda: bool(handler.batches))
    leaving = asyncio.create_task(app.leave(application, 30))
    await asyncio.sleep(0.3)
    assert not leaving.done()
    handler.go.set()
    await leaving
    assert handler.finished == len(handler.batches)
    assert await committed(settings) == len(handler.taken)


async def test_a_worker_that_was_assigned_nothing_gets_its_partitions(
    settings: ToolsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the group forms while Kafka is starting, and knows of no topic yet."""
    assign = RoundRobinPartitionAssignor.assign
    blind = [ClusterMetadata()]
    monkeypatch.setattr(
        RoundRobinPartitionAssignor,
        "assign",
        lambda cluster, members: assign(blind.pop() if blind else cluster, members),
    )
    handler, offsets = Handler(), Offsets(settings, app.GROUP)
    handler.go.set()
    application = app.make(settings, handler, handler)
    await application.start()
    try:
        await until(lambda: not blind)
        await send(settings, story(settings.topic_prefix, 3))
        topic = EVENTS.under(settings.topic_prefix)
        membership = Membership(
            lambda: app.assigned(application), lambda: offsets.of([topic]), lambda: app.rejoin(application)
        )
        async with asyncio.timeout(60):
            while len(handler.taken) < 3:
                await membership.look()
                await asyncio.sleep(0.5)
    finally:
        await app.leave(application, 30)
        await offsets.close()
