"""Publishing a batch: every record acknowledged, in order, however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError

from contracts.topics import Topic
from services.runtime import logging, metrics
from services.tools.records import Headers, Output

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
    """Publishes batches. `on_wait` is called at each wait for Kafka."""

    def __init__(self, producer: Sends, on_wait: Callable[[], object] = lambda: None) -> None:
        self._producer = producer
        self._on_wait = on_wait

    async def publish(self, outputs: Sequence[Output]) -> None:
        """Return when every record is acknowledged; never raises for Kafka's sake.

        Records of one key reach their partition in the order of `outputs`. After a failure everything from the first
        record without acknowledgement on is sent again, in order: some twice, none in a wrong order.
        """
        done = attempt = 0
        while done < len(outputs):
            acknowledged, fault = await self._send(outputs[done:])
            done += acknowledged
            attempt = 1 if acknowledged else attempt + 1
            if fault is not None:
                await self._wait(fault, attempt, len(outputs) - done)

    async def _send(self, outputs: Sequence[Output]) -> tuple[int, BaseException | None]:
        """How many were acknowledged before the first that was not, and why it was not."""
        futures: list[asyncio.Future[object]] = []
        fault: BaseException | None = None
        try:
            for output in outputs:
                futures.append(await self._producer.send(output.topic, output.key, output.value, output.headers))  # noqa: PERF401 - those sent before a failure count
        except (KafkaError, OSError) as error:
            fault = error
        # The idempotent producer never gives up a record that it has taken, as long as trying again may help.
        results = await asyncio.gather(*futures, return_exceptions=True)
        for position, result in enumerate(results):
            if isinstance(result, BaseException):
                return position, result
        return len(futures), fault

    async def _wait(self, fault: BaseException, attempt: int, left: int) -> None:
        self._on_wait()
        metrics.WAITS.labels("kafka").inc()
        log.warning(
            "publish.delayed", cause=f"{type(fault).__name__}: {fault}"[:500], attempt=attempt, records_left=left
        )
        await asyncio.sleep(min(LONGEST_WAIT_SECONDS, 0.1 * 2 ** min(attempt, 10)))
        if not isinstance(fault, KafkaTimeoutError):
            try:
                await self._producer.renew()
            except (KafkaError, OSError) as error:
                log.warning("producer.renewal_failed", cause=f"{type(error).__name__}: {error}"[:500])
