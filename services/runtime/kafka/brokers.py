"""aiokafka's client, which is connected only once it knows a broker.

A Kafka that has just begun may answer without naming any. aiokafka takes that for a beginning, and then fails wherever
it needs a broker with `AssertionError: Did we not perform bootstrap?`, which no loop takes for a Kafka that is away.
"""

from __future__ import annotations

import aiokafka.admin.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError


class Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka is untyped here
    """See above."""

    async def bootstrap(self) -> None:
        """Connect. Raises KafkaConnectionError, and has nothing open, when Kafka is away or names no broker yet."""
        await super().bootstrap()
        if not self.cluster.brokers():
            await self.close()
            raise KafkaConnectionError("Kafka names no broker yet: it has just begun")


def install() -> None:
    """Have each consumer, producer and admin client of this process connected so. Twice is once."""
    aiokafka.admin.client.AIOKafkaClient = Client
    aiokafka.consumer.consumer.AIOKafkaClient = Client
    aiokafka.producer.producer.AIOKafkaClient = Client
