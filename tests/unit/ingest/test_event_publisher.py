"""What a sender is told when Kafka is slow, away or broken, and how the publisher recovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import pytest
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    UnknownTopicOrPartitionError,
)
from prometheus_client import REGISTRY, CollectorRegistry, Counter
from structlog.testing import capture_logs

from contracts.errors import ErrorCode
from contracts.topics import EVENTS, HISTORY, REFUSED_DLQ, Topic
from services.ingest import event_publisher as module
from services.ingest.event_publisher import EventPublisher
from services.ingest.http_problems import Refused
from services.ingest.settings import IngestSettings
from services.runtime import back_off
from services.runtime.kafka import MessageTooLargeError, OutgoingRecord


class Broker:
    """Stands where runtime's Producer stands. What it does is set by the test."""

    def __init__(self) -> None:
        self.starts: list[BaseException | None] = []
        self.outcome: Callable[[], BaseException | None] = lambda: None
        self.acknowledge = True
        self.missing = False
        self.made = self.stopped = 0
        self.seconds = 0.0
        self.stopping: list[Exception] = []
        self.sent: list[tuple[Any, ...]] = []
        self.futures: list[asyncio.Future[object]] = []

    def __call__(self, settings: IngestSettings, *, request_seconds: float) -> Broker:
        """Made, as runtime's is."""
        assert isinstance(settings, IngestSettings)
        self.seconds = request_seconds
        self.made += 1
        return self

    async def start(self) -> None:
        """Connected, or the next error of `starts`."""
        if self.starts and (error := self.starts.pop(0)):
            raise error

    async def stop(self) -> None:
        """Counted; fails as the test says."""
        self.stopped += 1
        if self.stopping:
            raise self.stopping.pop(0)

    async def require(self, topics: Iterable[Topic]) -> None:
        """There, but for what is missing."""
        if self.missing:
            raise UnknownTopicOrPartitionError("no topic")
        assert list(topics) in ([EVENTS], [REFUSED_DLQ])

    async def send(self, *record: Any) -> asyncio.Future[object]:
        """Taken; acknowledged at once unless the test does it."""
        self.sent.append(record)
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


def metric(name: str) -> float:
    """The value of a metric."""
    return REGISTRY.get_sample_value(name) or 0.0


async def test_an_event_is_sent_as_cloudevents_json_and_its_acknowledgement_is_timed(
    broker: Broker, accepted: Counter
) -> None:
    """Under its key, in its topic; what was refused is not timed."""
    names = ("flows_acknowledgement_seconds_count", "flows_acknowledgement_seconds_sum")
    before = [metric(name) for name in names]
    async with connected() as publisher:
        await publisher.publish(b"k", b"{}", accepted)
        broker.outcome = KafkaTimeoutError
        await refusal(publisher, accepted)
    assert broker.sent[0] == (EVENTS, b"k", b"{}", [("content-type", b"application/cloudevents+json")])
    count, seconds = (metric(name) - one for name, one in zip(names, before, strict=True))
    assert count == 1
    assert 0 <= seconds < 5


@pytest.mark.parametrize(("acknowledge", "request_seconds"), [(0.5, 2.0), (2.0, 2.0), (7.0, 7.0)])
async def test_a_request_to_the_broker_takes_no_longer_than_an_answer_may(
    broker: Broker, acknowledge: float, request_seconds: float
) -> None:
    """But two seconds at least: less would fail for nothing."""
    async with connected(acknowledge):
        assert broker.seconds == request_seconds


async def test_a_record_of_any_topic_is_told_when_kafka_has_it(broker: Broker) -> None:
    """As it is; one that comes too late is not told, for it is sent again."""
    told: list[int] = []
    output = OutgoingRecord(HISTORY, b"k", b"v", [("a", b"b")], lambda: told.append(1))
    async with connected(seconds=0.01) as publisher:
        await publisher.put(output)
        assert broker.sent == [(HISTORY, b"k", b"v", [("a", b"b")])]
        assert told == [1]
        broker.acknowledge = False
        with pytest.raises(Refused):
            await publisher.put(output)
        broker.futures[-1].set_result(None)
        await asyncio.sleep(0)
    assert told == [1]


async def test_a_sender_is_told_what_to_do(broker: Broker, accepted: Counter) -> None:
    """To come again, or to send less."""
    async with connected() as publisher:
        broker.outcome = KafkaTimeoutError
        refused = await refusal(publisher, accepted)
        assert str(refused) == (
            "Kafka does not acknowledge. Send the same request again later: it will not count twice."
        )
        assert refused.headers == {"Retry-After": "5"}
        broker.outcome = lambda: MessageTooLargeError("900001 bytes")
        refused = await refusal(publisher, accepted)
        assert str(refused) == "The event is too large: 900001 bytes."
        assert refused.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_what_kafka_never_takes_is_raised_as_it_came(broker: Broker, accepted: Counter) -> None:
    """A bug of ours; the producer is made anew, as its sequence is broken."""
    broker.outcome = InvalidTimestampError
    async with connected() as publisher:
        with pytest.raises(InvalidTimestampError):
            await publisher.publish(b"k", b"{}", accepted)
        broker.outcome = lambda: None
        await asyncio.sleep(0)
        await until_connected(publisher)
        await publisher.publish(b"k", b"{}", accepted)
    assert (broker.made, amount(accepted)) == (2, 1)


async def test_a_send_that_hangs_is_a_503(broker: Broker, accepted: Counter) -> None:
    """There is nothing yet that could be acknowledged late."""
    hanging = asyncio.Event()

    async def hangs(*_record: Any) -> asyncio.Future[object]:
        await hanging.wait()
        raise AssertionError

    broker.send = hangs  # type: ignore[method-assign]
    async with connected(seconds=0.01) as publisher:
        assert (await refusal(publisher, accepted)).code is ErrorCode.KAFKA_UNAVAILABLE


async def test_a_late_end_that_is_no_acknowledgement_counts_nothing(broker: Broker, accepted: Counter) -> None:
    """Given up by a producer that was made anew."""
    broker.acknowledge = False
    async with connected(seconds=0.01) as publisher:
        await refusal(publisher, accepted)
        broker.futures[0].cancel()
        await asyncio.sleep(0)
    assert amount(accepted) == 0


async def test_a_loss_and_a_return_are_each_told_once(broker: Broker, accepted: Counter) -> None:
    """Not once a request. A start that fails is a loss too."""
    with capture_logs() as logs:
        broker.starts = [KafkaConnectionError("no")]
        async with connected() as publisher:
            for outcome in (None, KafkaTimeoutError(), KafkaTimeoutError(), None, None, KafkaTimeoutError(), None):
                broker.outcome = lambda outcome=outcome: outcome  # type: ignore[misc]
                with suppress(Refused):
                    await publisher.publish(b"k", b"{}", accepted)
            broker.acknowledge = False
    told = [(one["event"], one.get("cause", "").partition(":")[0]) for one in logs]
    back = ("kafka.returned", "")
    assert told == [("kafka.lost", "KafkaConnectionError"), back, *[("kafka.lost", "KafkaTimeoutError"), back] * 2]


async def test_no_acknowledgement_in_time_is_a_loss(broker: Broker, accepted: Counter) -> None:
    """Told with that cause."""
    broker.acknowledge = False
    with capture_logs() as logs:
        async with connected(seconds=0.01) as publisher:
            await refusal(publisher, accepted)
            await refusal(publisher, accepted)
    assert [(one["event"], one["cause"]) for one in logs] == [("kafka.lost", "no acknowledgement in time")]


@pytest.mark.parametrize("error", [KafkaConnectionError("no"), OSError("no"), TimeoutError()])
async def test_a_producer_that_cannot_be_stopped_is_left(broker: Broker, accepted: Counter, error: Exception) -> None:
    """The next one is made all the same, and stopping the service does not fail."""
    broker.starts, broker.stopping = [KafkaConnectionError("no")], [error]
    async with connected() as publisher:
        await publisher.publish(b"k", b"{}", accepted)
        broker.stopping = [error]
        await publisher.stop()
    assert (broker.made, broker.stopped) == (2, 2)


async def test_a_producer_that_hangs_is_left_after_a_while(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is lost to it: its senders were never told that it was taken."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.01)
    async with connected() as publisher:
        monkeypatch.setattr(broker, "stop", asyncio.Event().wait)
        await asyncio.wait_for(publisher.stop(), 5)


async def test_between_two_producers_nothing_is_sent(
    broker: Broker, accepted: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to the broken one: senders are told to come again, and the next is tried after a pause."""
    paused, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(self: back_off.BackOff) -> None:
        assert self.attempt == 0, "it had worked"
        paused.set()
        await goes_on.wait()

    monkeypatch.setattr(back_off.BackOff, "wait", wait)
    async with connected() as publisher:
        broker.outcome = OutOfOrderSequenceNumber
        await refusal(publisher, accepted)
        broker.outcome = lambda: None
        await paused.wait()
        sent = len(broker.sent)
        await refusal(publisher, accepted)
        assert len(broker.sent) == sent
        goes_on.set()
        await until_connected(publisher)
        await publisher.publish(b"k", b"{}", accepted)
        for _ in range(3):
            await asyncio.sleep(0)
        await publisher.publish(b"k", b"{}", accepted)
    assert broker.made == 2


async def test_a_topic_that_nobody_made_is_asked_for_again_and_found(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not there until it is; while nobody can say, a record for it is tried."""
    alone = EventPublisher(IngestSettings())
    assert await alone.has(REFUSED_DLQ), "no connection yet"
    async with connected() as publisher:
        broker.missing = True
        assert not await publisher.has(REFUSED_DLQ)
        broker.missing = False
        assert not await publisher.has(REFUSED_DLQ), "it is not asked for each time"
        monkeypatch.setattr(publisher, "_ask_again", 0.0)
        assert await publisher.has(REFUSED_DLQ)
        broker.missing = True
        assert await publisher.has(REFUSED_DLQ), "what is there stays"
