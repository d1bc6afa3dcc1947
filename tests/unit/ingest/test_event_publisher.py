"""What a sender is told when Kafka is slow, away or broken, and how the publisher recovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
)
from prometheus_client import CollectorRegistry, Counter

from contracts.errors import ErrorCode
from contracts.topics import EVENTS, Topic
from services.ingest import event_publisher as module
from services.ingest.event_publisher import EventPublisher
from services.ingest.http_problems import Refused
from services.ingest.settings import IngestSettings
from services.runtime import back_off
from services.runtime.kafka import MessageTooLargeError


class Broker:
    """Stands where runtime's Producer stands. What it does is set by the test."""

    def __init__(self) -> None:
        self.starts: list[BaseException | None] = []
        self.outcome: Callable[[], BaseException | None] = lambda: None
        self.acknowledge = True
        self.made = self.stopped = 0
        self.futures: list[asyncio.Future[object]] = []

    def __call__(self, _settings: IngestSettings, *, request_seconds: float) -> Broker:
        """Made, as runtime's is."""
        assert request_seconds > 0
        self.made += 1
        return self

    async def start(self) -> None:
        """Connected, or the next error of `starts`."""
        if self.starts and (error := self.starts.pop(0)):
            raise error

    async def stop(self) -> None:
        """Counted."""
        self.stopped += 1

    async def require(self, topics: Iterable[Topic]) -> None:
        """Always there."""
        assert list(topics) == [EVENTS]

    async def send(self, *_record: Any) -> asyncio.Future[object]:
        """Taken; acknowledged at once unless the test does it."""
        if error := self.outcome():
            raise error
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        if self.acknowledge:
            future.set_result(None)
        return future


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker that takes everything, until the test says otherwise."""
    made = Broker()
    monkeypatch.setattr(module, "Producer", made)
    monkeypatch.setattr(back_off, "LONGEST_SECONDS", 0.0)
    return made


@pytest.fixture
def accepted() -> Counter:
    """A counter of its own."""
    return Counter("accepted", "accepted", registry=CollectorRegistry())


@asynccontextmanager
async def connected(seconds: float = 5.0) -> AsyncIterator[EventPublisher]:
    """A publisher that looks after its connection."""
    publisher = EventPublisher(IngestSettings(acknowledge_seconds=seconds))
    task = asyncio.create_task(publisher.keep_connected())
    try:
        await until_connected(publisher)
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_connected(publisher: EventPublisher) -> None:
    """Let the loop turn until there is a producer."""
    async with asyncio.timeout(5):
        while publisher._producer is None:  # noqa: ASYNC110 - the code under test has no event for its tests
            await asyncio.sleep(0)


async def refusal(publisher: EventPublisher, accepted: Counter) -> Refused:
    """The refusal of one event."""
    with pytest.raises(Refused) as refused:
        await publisher.publish(b"k", b"{}", accepted)
    return refused.value


def amount(counter: Counter) -> float:
    """What a counter says."""
    return float(counter._value.get())


async def test_an_acknowledged_event_is_counted(broker: Broker, accepted: Counter) -> None:
    """And only then."""
    async with connected() as publisher:
        await publisher.publish(b"k", b"{}", accepted)
        await publisher.answers()
    assert amount(accepted) == 1
    assert broker.made == 1


async def test_before_kafka_was_ever_there_the_sender_is_told_to_come_again(accepted: Counter) -> None:
    """503 at once with Retry-After, and readiness says no."""
    publisher = EventPublisher(IngestSettings())
    refused = await refusal(publisher, accepted)
    assert (refused.status, refused.code) == (HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.KAFKA_UNAVAILABLE)
    assert int(refused.headers["Retry-After"]) > 0
    with pytest.raises(ConnectionError):
        await publisher.answers()
    await publisher.stop()


async def test_a_kafka_that_comes_late_is_found(broker: Broker, accepted: Counter) -> None:
    """The start is tried again for as long as it takes."""
    broker.starts = [KafkaConnectionError("no"), OSError("no")]
    async with connected() as publisher:
        await publisher.publish(b"k", b"{}", accepted)
    assert (broker.made, broker.stopped) == (3, 2)


async def test_no_acknowledgement_in_time_is_a_503_and_a_late_one_is_still_counted(
    broker: Broker, accepted: Counter
) -> None:
    """The record may arrive later: then the event is in Kafka, and the accounts say so."""
    broker.acknowledge = False
    async with connected(seconds=0.01) as publisher:
        refused = await refusal(publisher, accepted)
        assert refused.code is ErrorCode.KAFKA_UNAVAILABLE
        assert amount(accepted) == 0
        broker.futures[0].set_result(None)
        await asyncio.sleep(0)
        assert amount(accepted) == 1
        await refusal(publisher, accepted)
        broker.futures[1].set_exception(KafkaConnectionError("gone"))
        await asyncio.sleep(0)
        assert amount(accepted) == 1
    assert broker.made == 1


@pytest.mark.parametrize("error", [KafkaTimeoutError(), NotLeaderForPartitionError()])
async def test_an_error_that_passes_keeps_the_producer(broker: Broker, accepted: Counter, error: Exception) -> None:
    """It goes on by itself when Kafka does."""
    broker.outcome = lambda: error
    async with connected() as publisher:
        assert (await refusal(publisher, accepted)).code is ErrorCode.KAFKA_UNAVAILABLE
        broker.outcome = lambda: None
        await publisher.publish(b"k", b"{}", accepted)
    assert broker.made == 1


async def test_a_broken_producer_is_replaced(broker: Broker, accepted: Counter) -> None:
    """A broken sequence does not heal: aiokafka's producer refuses everything from then on."""
    broker.outcome = OutOfOrderSequenceNumber
    async with connected() as publisher:
        assert (await refusal(publisher, accepted)).code is ErrorCode.KAFKA_UNAVAILABLE
        broker.outcome = lambda: None
        await asyncio.sleep(0)
        await until_connected(publisher)
        await publisher.publish(b"k", b"{}", accepted)
    assert (broker.made, broker.stopped) == (2, 1)


async def test_an_event_over_what_a_topic_takes_is_the_senders_to_mend(broker: Broker, accepted: Counter) -> None:
    """413, because sending it again would not help."""
    broker.outcome = lambda: MessageTooLargeError("900001 bytes")
    async with connected() as publisher:
        assert (await refusal(publisher, accepted)).code is ErrorCode.MESSAGE_TOO_LARGE


async def test_an_event_that_the_broker_finds_too_large_is_a_413_too(broker: Broker, accepted: Counter) -> None:
    """Its topic may take less than we know of. The producer is made anew: the refusal has broken its sequence."""
    broker.outcome = MessageSizeTooLargeError
    async with connected() as publisher:
        refused = await refusal(publisher, accepted)
        assert (refused.status, refused.code) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.MESSAGE_TOO_LARGE)
        broker.outcome = lambda: None
        await asyncio.sleep(0)
        await until_connected(publisher)
        await publisher.publish(b"k", b"{}", accepted)
    assert broker.made == 2
