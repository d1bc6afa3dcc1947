"""How far a consumer group is, asked of Kafka itself: independent of the consumer that is being watched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.runtime.kafka.consumers import reader
from services.runtime.settings import RuntimeSettings

TopicAndPartition = tuple[str, int]
"""A topic's name on the broker, and a partition."""


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """One partition: the next offset of the group, and where what can be consumed ends.

    That is the first open transaction, or the next offset of whoever produces.
    """

    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Records behind the committed offset."""
        return max(0, self.end - self.committed)


class GroupOffsets:
    """Asks on connections of its own. Raises KafkaError or TimeoutError when Kafka does not answer."""

    def __init__(self, settings: RuntimeSettings, group: str) -> None:
        self._settings = settings
        self._group = settings.topic_prefix + group
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def progress(self, partitions: Collection[TopicAndPartition]) -> dict[TopicAndPartition, PartitionProgress]:
        """The progress of some partitions. A group that never committed stands at the earliest record."""
        if not partitions:
            return {}
        admin, consumer = await self._connected()
        wanted = [TopicPartition(*one) for one in partitions]
        committed = await admin.list_consumer_group_offsets(self._group, partitions=wanted)
        held = {one: seen.offset for one, seen in committed.items() if seen.offset >= 0}
        ends = await consumer.end_offsets(wanted)
        begins = await consumer.beginning_offsets([one for one in wanted if one not in held])
        return {
            (one.topic, one.partition): PartitionProgress(held.get(one, begins.get(one, 0)), ends[one])
            for one in wanted
        }

    async def of(self, topics: Collection[str]) -> dict[TopicAndPartition, PartitionProgress]:
        """The progress of all partitions of some topics."""
        admin, _ = await self._connected()
        described = await admin.describe_topics(list(topics))
        return await self.progress(
            [(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]]
        )

    async def close(self) -> None:
        """Leave Kafka. Twice is once."""
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        if consumer is not None:
            await consumer.stop()
        if admin is not None:
            await admin.close()

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka_bootstrap)
            try:
                await admin.start()
            except BaseException:
                await admin.close()
                raise
            self._admin = admin
        if self._consumer is None:
            consumer = reader(self._settings, auto_offset_reset="none")
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._admin, self._consumer
