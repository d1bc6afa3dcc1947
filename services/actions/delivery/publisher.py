"""Publishing the end of a job: every record acknowledged, in order, however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError

from contracts.topics import Topic
from services.actions.delivery.records import Headers, Output
from services.runtime import logging, metrics
from services.runtime.cures import curable
from services.runtime.kafka.buried import smaller
from services.runtime.kafka.sizes import DEAD_LETTERS, MessageTooLargeError, refusal

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
        """Return when every record is acknowledged. For a part that is away it never raises.

        What was not acknowledged is sent again, so a record can be there twice. A dead letter that Kafka never takes is
        made smaller (`buried.smaller`); for another record that it never takes it raises, with nothing sent of it:
        MessageTooLargeError, or what Kafka said.
        """
        for output in outputs:
            await self._one(output)

    async def _one(self, output: Output) -> None:
        attempt = refusals = 0
        while True:
            generation = self._generation
            try:
                future = await self._producer.send(output.topic, output.key, output.value, output.headers)
                await future
            except MessageTooLargeError:
                if (less := _smaller(output)) is None:
                    raise
                output = less
            except Exception as error:  # noqa: BLE001 - the table of causes says what follows
                attempt += 1
                refusals += not curable(error)
                less = _smaller(output)
                # Kafka refuses whole batches: what is refused twice was not only in bad company.
                if not curable(error) and refusals > 1:
                    if less is None and output.topic not in DEAD_LETTERS:
                        await self._renew(generation)
                        raise refusal(output.topic, error) from None
                    output, refusals = less or output, 0
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


def _smaller(output: Output) -> Output | None:
    less = smaller(output.topic, output.key, output.value, output.headers or [])
    return None if less is None else Output(output.topic, *less)
