"""From an accepted request to Kafka's acknowledgement, whatever state Kafka is in."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from http import HTTPStatus

from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError
from prometheus_client import Counter

from contracts.errors import ErrorCode
from contracts.events import CONTENT_TYPE
from contracts.topics import EVENTS, Topic
from services.ingest import metrics
from services.ingest.http_problems import Refused
from services.ingest.settings import IngestSettings
from services.runtime import logging
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.deadlines import Deadlines
from services.runtime.kafka import Headers, MessageTooLargeError, OutgoingRecord, Producer
from services.runtime.kafka.sizes import refusal

HEADERS: Headers = [("content-type", CONTENT_TYPE.encode())]
LEAST_REQUEST_SECONDS = 2.0
STOP_SECONDS = 5.0
ASK_AGAIN_SECONDS = 30.0
RETRY_AFTER = {"Retry-After": "5"}

Late = Callable[[asyncio.Future[object]], object]

log = logging.get("publisher")


class EventPublisher:
    """Sends events to the topic `events` and waits for the acknowledgement.

    Kafka may be away at the start, go away and come back: `keep_connected` looks after that, `publish` answers 503.

    A record whose sender got 503 can still reach Kafka later: an idempotent producer keeps what it has taken until the
    broker answers. Nothing is half accepted by that. The id of an event is deterministic: the same request sent again
    has the same id, and whichever of the two comes second is a duplicate that starts nothing.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._deadlines = Deadlines(settings.acknowledge_seconds)
        self._producer: Producer | None = None
        self._broken = asyncio.Event()
        self._away = False
        self._there: set[Topic] = set()
        self._missing: set[Topic] = set()
        self._ask_again = 0.0

    async def keep_connected(self) -> None:
        """Connect, and connect anew when the producer has failed for good. Runs until it is cancelled."""
        back_off = BackOff()
        while True:
            # Requests to the broker that take longer than an answer to our sender may take are of no use.
            seconds = max(LEAST_REQUEST_SECONDS, self._settings.acknowledge_seconds)
            producer = Producer(self._settings, request_seconds=seconds)
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                self._lost(str(error))
                await _stop(producer)
                await back_off.wait()
                continue
            back_off.worked()
            self._returned()
            self._producer = producer
            self._broken.clear()
            await self._broken.wait()
            self._producer = None
            await _stop(producer)
            await back_off.wait()

    async def answers(self) -> None:
        """Raise unless Kafka answers now and has the topic."""
        if self._producer is None:
            raise ConnectionError("no connection to Kafka yet")
        await self._producer.require([EVENTS])

    async def has(self, topic: Topic) -> bool:
        """Whether the topic was made. True while nobody can say: then a record for it is refused with 503."""
        if topic not in self._there and self._producer is not None and time.monotonic() >= self._ask_again:
            try:
                async with asyncio.timeout(self._settings.acknowledge_seconds):
                    await self._producer.require([topic])
            except UnknownTopicOrPartitionError as error:
                self._ask_again = time.monotonic() + ASK_AGAIN_SECONDS
                self._missing.add(topic)
                log.warning("topic.missing", topic=topic.name, cause=str(error))
            except (TimeoutError, KafkaError, OSError):
                return True
            else:
                self._there.add(topic)
                self._missing.discard(topic)
        return topic not in self._missing

    async def publish(self, key: bytes, event: bytes, accepted: Counter) -> None:
        """Send one event; return when Kafka acknowledged it, and count it in `accepted`.

        Raises Refused: 503 when Kafka does not acknowledge in time, 413 when the event is over what a topic takes. What
        else Kafka never takes is raised as it comes: a bug.
        """
        begun = time.perf_counter()
        await self._send(EVENTS, key, event, HEADERS, lambda done: _count_late(done, accepted))
        metrics.ACKNOWLEDGEMENT.observe(time.perf_counter() - begun)
        accepted.inc()

    async def put(self, output: OutgoingRecord) -> None:
        """Send one record of any topic; return when Kafka acknowledged it, which it is told. Raises as `publish` does.

        An acknowledgement that comes too late is not counted: the record is sent again.
        """
        await self._send(output.topic, output.key, output.value, output.headers)
        output.on_acknowledged()

    async def _send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None, late: Late | None = None
    ) -> None:
        """`late` hears of an acknowledgement that comes after the sender was told that there is none."""
        producer = self._producer
        if producer is None:
            raise self._unavailable()
        future: asyncio.Future[object] | None = None
        try:
            with self._deadlines.within():
                future = await producer.send(topic, key, value, headers)
                await asyncio.shield(future)
        except TimeoutError:
            if future is not None and late is not None:
                future.add_done_callback(late)
            self._lost("no acknowledgement in time")
            raise self._unavailable() from None
        except MessageTooLargeError as error:
            raise _too_large(error) from None
        except KafkaError as error:
            if not curable(error):
                self._broken.set()  # a record that was refused has left a gap in the producer's sequence
                told = refusal(topic, error)
                raise _too_large(told) if isinstance(told, MessageTooLargeError) else told from None
            self._lost(f"{type(error).__name__}: {error}")
            # A full buffer empties when Kafka is back. Whatever else is not worth a retry has broken the producer's
            # sequence or its rights: only a new one helps.
            if not error.retriable and not isinstance(error, KafkaTimeoutError):
                self._broken.set()
            raise self._unavailable() from None
        self._returned()

    async def stop(self) -> None:
        """Send what is buffered, for 5 seconds at most."""
        if self._producer is not None:
            await _stop(self._producer)

    def _lost(self, cause: str) -> None:
        """Say it once, not once a request."""
        if not self._away:
            self._away = True
            log.warning("kafka.lost", cause=cause, bootstrap=self._settings.kafka_bootstrap)

    def _returned(self) -> None:
        if self._away:
            self._away = False
            log.warning("kafka.returned", bootstrap=self._settings.kafka_bootstrap)

    def _unavailable(self) -> Refused:
        return Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            ErrorCode.KAFKA_UNAVAILABLE,
            "Kafka does not acknowledge. Send the same request again later: it will not count twice.",
            headers=RETRY_AFTER,
        )


def _too_large(error: MessageTooLargeError) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.MESSAGE_TOO_LARGE, f"The event is too large: {error}."
    )


def _count_late(done: asyncio.Future[object], accepted: Counter) -> None:
    if not done.cancelled() and done.exception() is None:
        accepted.inc()


async def _stop(producer: Producer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
