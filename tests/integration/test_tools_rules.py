"""The rules of the Faust application on a real broker. Those that are settings: tests/unit/tools/test_faust_app.py.

Kills, rebalances and parts that are away: test_tools_process.py.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import faust
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import EVENTS, EVENTS_DLQ, HISTORY, RUNS, Topic
from deploy.local import KafkaServer
from services.runtime import kafka
from services.runtime.kafka import ConsumedRecord, membership
from services.runtime.kafka.group_offsets import GroupOffsets, PartitionProgress
from services.runtime.kafka.publishing import BatchPublisher
from services.tools import faust_app
from services.tools.batch_processor import BatchProcessor
from services.tools.folder_flows import FolderFlows
from services.tools.settings import ToolsSettings
from tests.support.batches import MemoryClaims, MemoryTimers
from tests.support.strangers import add_partitions, broken_batch, delete_records, lost, transaction
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
        self.batches: list[list[ConsumedRecord]] = []
        self.finished = 0
        self.most_at_once = 0
        self.go = asyncio.Event()

    async def __call__(self, records: Sequence[ConsumedRecord]) -> None:
        """Take one batch."""
        self.batches.append(list(records))
        self.most_at_once = max(self.most_at_once, len(self.batches) - self.finished)
        await self.go.wait()
        self.finished += 1

    @property
    def taken(self) -> list[ConsumedRecord]:
        """All records so far."""
        return [record for batch in self.batches for record in batch]


@asynccontextmanager
async def running(settings: ToolsSettings, handler: Handler) -> AsyncIterator[faust.App]:
    """The application, started; left in order at the end."""
    application = faust_app.make(settings, handler, handler)
    await application.start()
    try:
        yield application
    finally:
        handler.go.set()
        await faust_app.leave(application, 30)


async def until(wanted: Callable[[], bool]) -> None:
    """Poll."""
    async with asyncio.timeout(60):
        while not wanted():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def committed(settings: ToolsSettings) -> int:
    """The committed offset of the only partition of `events`."""
    offsets = GroupOffsets(settings, faust_app.GROUP)
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
    processor = BatchProcessor(FolderFlows([]), MemoryClaims().noted, BatchPublisher(producer), MemoryTimers())
    handler = Handler()
    handler.go.set()

    async def both(records: Sequence[ConsumedRecord]) -> None:
        await processor.events(records)
        await handler(records)

    application = faust_app.make(settings, both, both)
    await application.start()
    await until(lambda: len(handler.taken) == len(odd))
    await faust_app.leave(application, 30)
    await producer.stop()
    dead = await read(settings, EVENTS_DLQ, lambda found: len(found) == len(odd))
    assert [one.value for one in dead] == [None, b"x", None]
    assert [DeadLetter.from_headers(one.headers).offset for one in dead] == [0, 1, 2]


async def send_odd(
    settings: ToolsSettings,
    odd: Sequence[tuple[bytes | None, bytes | None]],
    *,
    topic: Topic = EVENTS,
    partition: int = 0,
) -> None:
    """Produce what our own producer would not: in a batch, which is not looked at."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    batch = producer.create_batch()
    for key, value in odd:
        batch.append(key=key, value=value, timestamp=None, headers=[("h", b"\xff"), ("none", None)])
    await (await producer.send_batch(batch, topic.under(settings.topic_prefix), partition=partition))
    await producer.stop()


async def test_leaving_finishes_and_commits_the_batch_at_hand(settings: ToolsSettings) -> None:
    """What was taken is done and committed; what was not taken is not."""
    handler = Handler()
    await send(settings, story(settings.topic_prefix, 300))
    application = faust_app.make(settings, handler, handler)
    await application.start()
    await until(lambda: bool(handler.batches))
    leaving = asyncio.create_task(faust_app.leave(application, 30))
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
        staticmethod(lambda cluster, members: assign(blind.pop() if blind else cluster, members)),
    )
    monkeypatch.setattr(membership, "LOOK_SECONDS", 0.3)
    handler = Handler()
    handler.go.set()
    async with running(settings, handler):
        await until(lambda: not blind)
        await send(settings, story(settings.topic_prefix, 3))
        await until(lambda: len(handler.taken) == 3)


@pytest.mark.parametrize("topic", [EVENTS, RUNS], ids=lambda topic: topic.name)
async def test_partitions_that_are_added_are_consumed(
    settings: ToolsSettings, monkeypatch: pytest.MonkeyPatch, topic: Topic
) -> None:
    """Also by a worker with an instance id that was restarted: Kafka does not tell it that it leads the group."""
    monkeypatch.setattr(membership, "LOOK_SECONDS", 0.3)
    async with running(settings, Handler()) as before:
        await until(lambda: len(faust_app.assigned(before)) == 2)
    handler = Handler()
    handler.go.set()
    async with running(settings, handler):
        await send_odd(settings, [(b"k", b"0")], topic=topic)
        await until(lambda: len(handler.taken) == 1)
        await add_partitions(settings, topic, 3)
        for partition in (1, 2):
            await send_odd(settings, [(b"k", b"x")], topic=topic, partition=partition)
        await until(lambda: {record.partition for record in handler.taken} == {0, 1, 2})


async def test_what_nobody_can_read_is_a_dead_letter_by_reference(
    settings: ToolsSettings, kafka_server: KafkaServer
) -> None:
    """It says where the records are and why; what comes before and behind is done, and all of it is committed."""
    settings = settings.model_copy(update={"kafka_bootstrap": kafka_server.bootstrap})  # its files are ours to break
    await kafka.make_topics(settings)
    events = story(settings.topic_prefix, 4)
    for event in events:
        await send(settings, [event, event])
    with broken_batch(kafka_server, EVENTS.under(settings.topic_prefix), 2, "codec"):
        producer = kafka.Producer(settings)
        await producer.start()
        claims = MemoryClaims()
        processor = BatchProcessor(FolderFlows([]), claims.noted, BatchPublisher(producer), MemoryTimers())
        handler = Handler()
        handler.go.set()

        async def both(records: Sequence[ConsumedRecord]) -> None:
            await processor.events(records)
            await handler(records)

        application = faust_app.make(settings, both, both)
        await application.start()
        await until(lambda: bool(handler.taken) and handler.taken[-1].offset == 7)
        await faust_app.leave(application, 30)
        await producer.stop()
    (dead,) = await read(settings, EVENTS_DLQ, lambda found: len(found) == 1)
    letter = DeadLetter.from_headers(dead.headers)
    assert (letter.topic, letter.partition) == (EVENTS.under(settings.topic_prefix), 0)
    assert (letter.first_offset, letter.offset, letter.code) == (2, 3, ErrorCode.RECORD_UNREADABLE)
    assert "CRC" in letter.cause
    ends = await read(settings, HISTORY, lambda found: len(found) >= 7)
    outcomes = sorted(orjson.loads(one.value)["outcome"] for one in ends)
    assert outcomes == ["dead", *["duplicate"] * 3, *["filtered"] * 3]
    assert await committed(settings) == 8


async def test_only_what_was_committed_to_kafka_is_run(settings: ToolsSettings) -> None:
    """And the marks of transactions at the end leave no lag behind, nor stop the watchdog's clock."""
    handler = Handler()
    handler.go.set()
    await transaction(settings, EVENTS, [b"no", b"no"], abort=True)
    await transaction(settings, EVENTS, [b"yes"])
    await transaction(settings, EVENTS, [b"no"], abort=True)
    async with running(settings, handler):
        offsets = GroupOffsets(settings, faust_app.GROUP)
        place = (EVENTS.under(settings.topic_prefix), 0)
        async with asyncio.timeout(20):
            while (await offsets.progress([place]))[place] != PartitionProgress(7, 7):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.1)
        await offsets.close()
    assert [record.value for record in handler.taken] == [b"yes"]


async def test_records_that_retention_took_unread_are_counted(settings: ToolsSettings) -> None:
    """By topic and partition, and said with their range; what is left is consumed and committed."""
    handler = Handler()
    handler.go.set()
    await send(settings, story(settings.topic_prefix, 5))
    async with running(settings, handler):
        await until(lambda: len(handler.taken) == 5)
    await send(settings, story(settings.topic_prefix, 20))
    await delete_records(settings, EVENTS, 18)
    before = lost("events", 0)
    with capture_logs() as lines:
        async with running(settings, handler):
            await until(lambda: handler.taken[-1].offset == 24)
    assert lost("events", 0) - before == 13
    (said,) = [line for line in lines if line["event"] == "records.lost"]
    assert (said["log_level"], said["first"], said["last"], said["records"]) == ("critical", 5, 17, 13)
    assert [record.offset for record in handler.taken] == [*range(5), *range(18, 25)]
    assert await committed(settings) == 25


@pytest.mark.parametrize(
    "part",
    [
        lambda application: application._fetcher,
        lambda application: application.consumer,
        lambda application: application.consumer._thread,
        lambda application: application.topics,
        lambda application: next(iter(application.agents.values())),
        lambda application: application,
    ],
    ids=["fetcher", "consumer", "thread", "conductor", "agent", "app"],
)
async def test_what_crashes_faust_ends_the_process(
    settings: ToolsSettings, monkeypatch: pytest.MonkeyPatch, part: Callable[[faust.App], Any]
) -> None:
    """With its cause: what is left of faust would consume nothing, for ever."""
    ended: list[int] = []

    def end(code: int) -> None:
        ended.append(code)
        raise SystemExit

    application = faust_app.make(settings, Handler(), Handler())
    await application.start()
    monkeypatch.setattr(os, "_exit", end)
    try:
        with capture_logs() as lines:
            await part(application).crash(RuntimeError("planted"))
            with pytest.raises(SystemExit):
                await faust_app.supervise(application)
    finally:
        monkeypatch.undo()
        await faust_app.leave(application, 30)
    assert ended == [faust_app.BROKEN]
    (said,) = [line for line in lines if line["event"] == "faust.crashed"]
    assert said["log_level"] == "critical"
    assert str(said["exc_info"]) == "planted"
