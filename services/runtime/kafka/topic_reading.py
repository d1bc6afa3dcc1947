"""Reading a topic for a person: from its beginning or from a time, to where it ended when the reading began."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.topics import Topic
from services.runtime.kafka.consumers import reader
from services.runtime.kafka.offset_gaps import Gap
from services.runtime.settings import RuntimeSettings

REACH_SECONDS = 10.0


class UnreachableError(Exception):
    """Kafka does not answer. The text says why."""


class NoTopicError(Exception):
    """Kafka has no such topic. The text is its name."""


async def read(
    settings: RuntimeSettings, topic: Topic, since: datetime | None = None
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """The records of a topic, in the order of each partition. Commits nothing, joins no group.

    What nobody can read, or was not committed to Kafka, is passed over. Raises UnreachableError and NoTopicError.
    """
    name = topic.under(settings.topic_prefix)
    consumer = reader(
        settings, auto_offset_reset="earliest", request_timeout_ms=int(REACH_SECONDS * 1000), fetch_max_wait_ms=100
    )
    try:
        partitions = await asyncio.wait_for(_partitions(settings, name), REACH_SECONDS)
        await asyncio.wait_for(consumer.start(), REACH_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        await consumer.stop()
        raise UnreachableError(str(error) or "no answer in time") from None
    try:
        async for record in _all(consumer, partitions, since):
            yield record
    finally:
        await consumer.stop()


async def at(
    settings: RuntimeSettings, places: Iterable[tuple[str, int, int]]
) -> dict[tuple[str, int, int], ConsumerRecord[bytes, bytes]]:
    """The records at these places, (name of the topic on the broker, partition, offset), that are still there.

    Raises UnreachableError.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, enable_auto_commit=False, auto_offset_reset="none"
    )
    found = {}
    try:
        await asyncio.wait_for(consumer.start(), REACH_SECONDS)
        topics = await asyncio.wait_for(consumer.topics(), REACH_SECONDS)
        for place in places:
            if place[0] in topics and (record := await asyncio.wait_for(_at(consumer, *place), REACH_SECONDS)):
                found[place] = record
    except (KafkaError, OSError, TimeoutError) as error:
        raise UnreachableError(str(error) or "no answer in time") from None
    finally:
        await consumer.stop()
    return found


async def _at(consumer: AIOKafkaConsumer, topic: str, number: int, offset: int) -> ConsumerRecord[bytes, bytes] | None:
    partition = TopicPartition(topic, number)
    consumer.assign([partition])
    begins, ends = await consumer.beginning_offsets([partition]), await consumer.end_offsets([partition])
    if not begins[partition] <= offset < ends[partition]:
        return None
    consumer.seek(partition, offset)
    while True:
        record = await consumer.getone(partition)
        if record.offset >= offset:
            return record if record.offset == offset else None


def quietly() -> None:
    """Keep aiokafka's own lines off the terminal: what goes wrong is told by whoever reads."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def _partitions(settings: RuntimeSettings, name: str) -> list[TopicPartition]:
    """All partitions of a topic. A consumer would wait for a topic that does not exist."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    try:
        await admin.start()
        (found,) = await admin.describe_topics([name])
    finally:
        await admin.close()
    if found["error_code"]:
        raise NoTopicError(name)
    return [TopicPartition(name, one["partition"]) for one in found["partitions"]]


async def _all(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], since: datetime | None
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
        begins = {one: found[one].offset if found.get(one) else ends[one] for one in partitions}
    for one in partitions:
        consumer.seek(one, begins[one])
    left = {one for one in partitions if begins[one] < ends[one]}
    while left:
        for one, batch in (await consumer.getmany(*left, timeout_ms=500)).items():
            for record in batch:
                if record.offset < ends[one] and not isinstance(record.value, Gap):
                    yield record
        left = {one for one in left if await consumer.position(one) < ends[one]}
