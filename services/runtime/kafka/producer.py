"""The producer, made one way: acks=all, idempotent, at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from contracts.topics import Topic
from services.runtime.kafka.records import Headers
from services.runtime.kafka.sizes import MAX_DEAD_BYTES, check_size
from services.runtime.settings import RuntimeSettings

RENEW_SECONDS = 5.0


class Producer:
    """Sends and waits for the acknowledgement of all in-sync replicas. The same record twice is two records."""

    def __init__(self, settings: RuntimeSettings, *, request_seconds: float = 30.0) -> None:
        self._prefix = settings.topic_prefix
        self._bootstrap = settings.kafka_bootstrap
        self._request_seconds = request_seconds
        self._producer = self._new()
        self._generation = 0
        self._renewing = asyncio.Lock()

    def _new(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=131_072,
            max_request_size=MAX_DEAD_BYTES,
            request_timeout_ms=int(self._request_seconds * 1000),
        )

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaError, a RuntimeError, when no broker answers; then call it again."""
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            self._producer = self._new()
            raise

    async def stop(self) -> None:
        """Send what is buffered, then leave."""
        await self._producer.stop()

    @property
    def generation(self) -> int:
        """How often it began anew: who fails says with which one (`renew`)."""
        return self._generation

    async def renew(self, generation: int) -> None:
        """Begin anew, after a failure that is not cured by waiting: the sequence of the idempotent producer is broken.

        Once for all who failed with the same generation. What was handed over and not acknowledged is lost to this
        producer: send it again. Raises as `start` does.
        """
        async with self._renewing:
            if self._generation != generation:
                return
            broken, self._producer = self._producer, self._new()
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(broken.stop(), RENEW_SECONDS)
            await self.start()
            self._generation += 1

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Hand over one record; the future is done when Kafka acknowledged. Order is that of the calls.

        Raises as `check_size` does, and KafkaError when the buffer stays full because no broker answers. A record that
        was taken is tried again for ever, as long as trying again may help: bound the wait, not the send.
        """
        check_size(topic, key, value, headers)
        future: asyncio.Future[object] = await self._producer.send(
            topic.under(self._prefix), value=value, key=key, headers=headers
        )
        return future

    async def require(self, topics: Iterable[Topic]) -> None:
        """Raise UnknownTopicOrPartitionError, which says what to do, unless all of these topics are there."""
        there = (await self._producer.client.fetch_all_metadata()).topics()
        missing = [name for topic in topics if (name := topic.under(self._prefix)) not in there]
        if missing:
            raise UnknownTopicOrPartitionError(f"no topic {', '.join(missing)}: `flows topics apply` makes them")

    async def answers(self) -> None:
        """Raise unless a broker answers now."""
        await self._producer.client.fetch_all_metadata()
