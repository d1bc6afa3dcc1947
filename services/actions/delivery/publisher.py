"""Publishing the end of a job: every record acknowledged, in order, however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError

from contracts.topics import Topic
from services.actions.delivery.records import Headers, Output
from services.runtime import logging, metrics

log = logging.get("publisher")
LONGEST_WAIT_SECONDS = 5.0


class Sends(Protocol):
    """What is needed of a producer: `services.runtime.kafka.Producer` is one."""

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Hand over one record; the future is done when it is acknowledged."""
        ...

    async def renew(self) -> None:
        """Begin anew after a failure that leaves the producer's sequence broken."""
        ...


class Publisher:
    """Publishes for many jobs at once, through one producer."""

    def __init__(self, producer: Sends) -> None:
        self._producer = producer
        self._generation = 0
        self._renewing = asyncio.Lock()

    async def publish(self, outputs: Sequence[Output]) -> None:
        """Return when every record is acknowledged. Raises MessageTooLargeError, with nothing sent of that record.

        For Kafka's sake it never raises: what was not acknowledged is sent again, so a record can be there twice.
        """
        for output in outputs:
            await self._one(output)

    async def _one(self, output: Output) -> None:
        attempt = 0
        while True:
            generation = self._generation
            try:
                future = await self._producer.send(output.topic, output.key, output.value, output.headers)
                await future
            except (KafkaError, OSError) as error:
                attempt += 1
                metrics.WAITS.labels("kafka").inc()
                log.warning("publish.delayed", cause=f"{type(error).__name__}: {error}"[:500], attempt=attempt)
                await asyncio.sleep(min(LONGEST_WAIT_SECONDS, 0.1 * 2 ** min(attempt, 10)))
                if not isinstance(error, KafkaTimeoutError):
                    await self._renew(generation)
            else:
                return

    async def _renew(self, generation: int) -> None:
        """Once for all who met the same broken producer."""
        async with self._renewing:
            if self._generation != generation:
                return
            try:
                await self._producer.renew()
            except (KafkaError, OSError) as error:
                log.warning("producer.renewal_failed", cause=f"{type(error).__name__}: {error}"[:500])
            else:
                self._generation += 1
