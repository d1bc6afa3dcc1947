"""The producer, made one way: acks=all, idempotent, at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerClosed, UnknownTopicOrPartitionError

from contracts.topics import Topic
from services.runtime.kafka.records import Headers
from services.runtime.kafka.sizes import MAX_DEAD_BYTES, check_size
from services.runtime.settings import RuntimeSettings

# So long a broken one may send what it holds; then it is given up, and whoever handed that over sends it again.
FLUSH_SECONDS = 1.0


class Producer:
    """Sends and waits for the acknowledgement of all in-sync replicas. The same record twice is two records."""

    def __init__(self, settings: RuntimeSettings, *, request_seconds: float = 30.0) -> None:
        self._prefix = settings.topic_prefix
        self._bootstrap = settings.kafka_bootstrap
        self._request_seconds = request_seconds
        self._producer = self._new()
        self._generation = 0
        self._renewing = asyncio.Lock()
        self._begun_anew = True

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
            broken, self._producer, self._begun_anew = self._producer, self._new(), False
            await _give_up(broken)
            await self.start()
            self._generation += 1
            self._begun_anew = True

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Hand over one record; the future is done when Kafka acknowledged. Order is that of the calls.

        Raises as `check_size` does, and KafkaError when the buffer stays full because no broker answers, or after a
        renewal that failed, until one comes off. A record that was taken is tried again for ever, as long as trying
        again may help: bound the wait, not the send.
        """
        check_size(topic, key, value, headers)
        self._require_begun()
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
        self._require_begun()
        await self._producer.client.fetch_all_metadata()

    def _require_begun(self) -> None:
        """One of aiokafka's that is not connected yet takes records, and waits for ever for what it knows of topics."""
        if not self._begun_anew:
            raise KafkaConnectionError("the producer begins anew, and no broker has answered yet")


async def _give_up(broken: AIOKafkaProducer) -> None:
    """Stop it. What it could not send in time fails, and nothing of it is sent later, behind what came after it."""
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(broken.stop(), FLUSH_SECONDS)
        return
    # aiokafka's `stop` waits for a broker without end, and when it is cancelled its sender goes on sending.
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(broken.client.close(), FLUSH_SECONDS)
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(broken._sender.close(), FLUSH_SECONDS)  # noqa: SLF001 - there is no other way
    kept = broken._message_accumulator  # noqa: SLF001 - as above
    kept._pending_batches = _Forgiving(kept._pending_batches)  # noqa: SLF001 - as above
    kept.fail_all(ProducerClosed())


class _Forgiving(set[object]):
    """A batch that was sent twice leaves twice, for aiokafka's KeyError in a callback."""

    remove = set.discard
