"""Publishing: every record acknowledged, in order, however long that takes, and counted when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerClosed

from contracts.topics import Topic
from services.runtime import logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.kafka.dead_letters import smaller
from services.runtime.kafka.records import Headers, OutgoingRecord
from services.runtime.kafka.sizes import DEAD_LETTERS, MessageTooLargeError, refusal

log = logging.get("publisher")


class RecordSender(Protocol):
    """What is needed of a producer: `services.runtime.kafka.Producer` is one."""

    @property
    def generation(self) -> int:
        """How often it began anew."""
        ...

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Hand over one record; the future is done when it is acknowledged."""
        ...

    async def renew(self, generation: int) -> None:
        """Begin anew after a failure that leaves the sequence of this generation broken: once for all who met it."""
        ...


class BatchPublisher:
    """Publishes batches, several at once where there are several. `on_wait` is called at each wait for Kafka."""

    def __init__(self, producer: RecordSender, on_wait: Callable[[], object] = lambda: None) -> None:
        self._producer = producer
        self._on_wait = on_wait

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Return when every record is acknowledged; never raises for a part that is away.

        Records of one key reach their partition in the order of `outputs`. After a failure everything from the first
        record without acknowledgement on is sent again, in order: some twice, none in a wrong order.

        What Kafka never takes holds up no other record. A dead letter is made smaller (`dead_letters.smaller`); for
        anything else it raises, once all others are acknowledged: MessageTooLargeError, or what Kafka said.
        """
        left = list(outputs)
        refused: Exception | None = None
        alone, back_off = False, BackOff()
        while left:
            generation = self._producer.generation
            acknowledged, fault, sent = await self._send(left[:1] if alone else left)
            for output in left[:acknowledged]:
                output.on_acknowledged()
            del left[:acknowledged]
            if back_off.attempt and (acknowledged or fault is None):
                log.info("publish.continued", attempts=back_off.attempt, records_left=len(left))
                back_off.worked()
            if fault is None:
                alone = False
                continue
            if curable(fault):
                await self._wait(fault, back_off, len(left), generation)
                continue
            if sent or not isinstance(fault, MessageTooLargeError):  # which breaks no producer, and is its own fault
                await self._renew(generation)
                if not alone:
                    # Kafka refuses whole batches: what is refused again, by itself, was not only in bad company.
                    alone = True
                    continue
            alone = False
            if (less := _smaller(left[0])) is not None:
                left[0] = less
            elif left[0].topic in DEAD_LETTERS:
                # It is as small as can be: its topic is not as it was made. There is nothing to do but to wait.
                await self._wait(fault, back_off, len(left), generation)
            else:
                refused = refused or refusal(left[0].topic, fault)
                del left[0]
        if refused is not None:
            raise refused

    async def _send(self, outputs: Sequence[OutgoingRecord]) -> tuple[int, Exception | None, bool]:
        """How many were acknowledged before the first that was not, why it was not, and whether it was sent."""
        futures: list[asyncio.Future[object]] = []
        fault: Exception | None = None
        try:
            for output in outputs:
                futures.append(await self._producer.send(output.topic, output.key, output.value, output.headers))  # noqa: PERF401 - those sent before a failure count
        except Exception as error:  # noqa: BLE001 - the table of causes says what follows
            fault = error
        acknowledged, sent = len(futures), False
        # The idempotent producer never gives up a record that it has taken, as long as trying again may help.
        for position, future in enumerate(futures):
            failed = await _failure(future)
            if failed is not None and position < acknowledged:
                acknowledged, fault, sent = position, failed, True
        return acknowledged, fault, sent

    async def _wait(self, fault: Exception, back_off: BackOff, left: int, generation: int) -> None:
        self._on_wait()
        metrics.WAITS.labels("kafka").inc()
        if back_off.news(fault):
            cause = f"{type(fault).__name__}: {fault}"[:500]
            log.warning("publish.delayed", cause=cause, attempt=back_off.attempt + 1, records_left=left)
        await back_off.wait()
        if not isinstance(fault, KafkaTimeoutError):
            await self._renew(generation)

    async def _renew(self, generation: int) -> None:
        """A record that was refused has left a gap in the sequence of the idempotent producer."""
        try:
            await self._producer.renew(generation)
        except (KafkaError, OSError) as error:
            logging.failed(log, "producer.renewal_failed", error)


async def _failure(future: asyncio.Future[object]) -> Exception | None:
    try:
        await future
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling() or not future.cancelled():
            raise
        closed: Exception = ProducerClosed()  # a producer that was renewed meanwhile gave it up
        return closed
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None


def _smaller(output: OutgoingRecord) -> OutgoingRecord | None:
    less = smaller(output.topic, output.key, output.value, output.headers or [])
    if less is None:
        return None
    key, value, headers = less
    return replace(output, key=key, value=value, headers=headers)
