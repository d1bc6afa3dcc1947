"""Kafka as services use it: topics, one way to produce, and how far a group is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, UnknownTopicOrPartitionError

from contracts.topics import ACTIONS, ALL, EVENTS, EVENTS_DLQ, MAX_MESSAGE_BYTES
from services.runtime import kafka
from services.runtime.kafka.group_offsets import GroupOffsets, PartitionProgress, TopicAndPartition
from services.runtime.settings import RuntimeSettings
from tests.support.tools_process import read


@pytest.fixture
async def settings(kafka_bootstrap: str, topic_prefix: str) -> RuntimeSettings:
    """Settings of a test's own topics, which are there."""
    made = RuntimeSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=3)
    await kafka.make_topics(made)
    return made


@pytest.fixture
async def producer(settings: RuntimeSettings) -> AsyncIterator[kafka.Producer]:
    """A producer, started."""
    made = kafka.Producer(settings)
    await made.start()
    yield made
    await made.stop()


async def test_topics_are_made_once(kafka_bootstrap: str, topic_prefix: str) -> None:
    """All of them, with as many partitions as the setting or the contract says; twice changes nothing."""
    settings = RuntimeSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=3)
    made = await kafka.make_topics(settings)
    assert set(made) == {topic.under(topic_prefix) for topic in ALL}
    assert await kafka.make_topics(settings) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    described = await admin.describe_topics(made)
    await admin.close()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    assert counts == {topic.under(topic_prefix): topic.partitions or 3 for topic in ALL}


async def test_a_missing_topic_is_named_with_its_remedy(kafka_bootstrap: str, topic_prefix: str) -> None:
    producer = kafka.Producer(RuntimeSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix))
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError, match=rf"{topic_prefix}actions.*flows topics apply"):
            await producer.require([ACTIONS])
    finally:
        await producer.stop()


async def test_records_of_one_key_keep_their_order(settings: RuntimeSettings, producer: kafka.Producer) -> None:
    sent = [await producer.send(EVENTS, b"k", str(number).encode(), [("h", b"v")]) for number in range(500)]
    await asyncio.gather(*sent)
    found = await read(settings, EVENTS, lambda found: len(found) == 500)
    assert [one.value for one in found] == [str(number).encode() for number in range(500)]
    assert {one.headers for one in found} == {(("h", b"v"),)}


async def test_900_kb_is_the_most_but_for_dead_letters(settings: RuntimeSettings, producer: kafka.Producer) -> None:
    """A dead letter holds the largest record that any team can produce, untouched, and headers besides."""
    await (await producer.send(EVENTS, b"k", b"x" * MAX_MESSAGE_BYTES))
    with pytest.raises(kafka.MessageTooLargeError):
        await producer.send(EVENTS, b"k", b"x" * (MAX_MESSAGE_BYTES + 1))
    largest = b"x" * (kafka.MAX_RECORD_BYTES - 100)
    stranger = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, max_request_size=2_000_000)
    await stranger.start()
    await stranger.send_and_wait(EVENTS.under(settings.topic_prefix), largest, key=b"k")
    await stranger.stop()
    await (await producer.send(EVENTS_DLQ, b"k", largest, [("why", b"y" * 5000)]))
    (found,) = await read(settings, EVENTS_DLQ, lambda found: len(found) == 1)
    assert found.value == largest


async def test_a_renewed_producer_goes_on(settings: RuntimeSettings, producer: kafka.Producer) -> None:
    await (await producer.send(EVENTS, b"k", b"before"))
    await producer.renew(producer.generation)
    await (await producer.send(EVENTS, b"k", b"after"))
    found = await read(settings, EVENTS, lambda found: len(found) == 2)
    assert [one.value for one in found] == [b"before", b"after"]


async def test_a_producer_that_could_not_start_can_be_started_again(settings: RuntimeSettings) -> None:
    producer = kafka.Producer(settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"}))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await producer.start()


async def test_progress_is_what_the_group_committed(settings: RuntimeSettings, producer: kafka.Producer) -> None:
    """A group that never committed stands at the earliest record; lag is what is behind the committed offset."""
    name = EVENTS.under(settings.topic_prefix)
    sent = [await producer.send(EVENTS, b"k", b"x") for _ in range(10)]
    partition = {metadata.partition for metadata in await asyncio.gather(*sent)}.pop()  # type: ignore[attr-defined]
    place = (name, partition)
    offsets = GroupOffsets(settings, "group")
    try:
        assert await _progress(offsets, place) == PartitionProgress(0, 10)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap,
            group_id=f"{settings.topic_prefix}group",
            enable_auto_commit=False,
        )
        await consumer.start()
        consumer.assign([TopicPartition(*place)])
        await consumer.commit({TopicPartition(*place): 4})
        await consumer.stop()
        seen = (await offsets.progress([place]))[place]
        assert (seen, seen.lag) == (PartitionProgress(4, 10), 6)
        assert await offsets.progress([]) == {}
    finally:
        await offsets.close()
        await offsets.close()


async def test_an_open_transaction_is_no_lag(settings: RuntimeSettings) -> None:
    """Nobody can read it yet: who waits for its end does not stand still. Its records and its mark count afterwards."""
    name = EVENTS.under(settings.topic_prefix)
    stranger = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, transactional_id=settings.topic_prefix)
    await stranger.start()
    offsets = GroupOffsets(settings, "group")
    try:
        await stranger.begin_transaction()
        await stranger.send_and_wait(name, b"x", partition=0)
        assert (await _progress(offsets, (name, 0))).lag == 0
        await stranger.commit_transaction()
        async with asyncio.timeout(30):
            while await _progress(offsets, (name, 0)) != PartitionProgress(0, 2):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
    finally:
        await offsets.close()
        await stranger.stop()


async def _progress(offsets: GroupOffsets, place: TopicAndPartition) -> PartitionProgress:
    """The progress of one partition. A broker that has just started takes a moment to make room for groups."""
    async with asyncio.timeout(30):
        while True:
            try:
                return (await offsets.progress([place]))[place]
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)
