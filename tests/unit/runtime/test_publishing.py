"""Publishing: nothing is given up, and nothing overtakes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
)
from prometheus_client import REGISTRY

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS, ACTIONS_DLQ, EVENTS_DLQ, HISTORY, RUNS, RUNS_DLQ, Topic
from services.runtime import back_off
from services.runtime.kafka import Headers, MessageTooLargeError, OutgoingRecord
from services.runtime.kafka.publishing import BatchPublisher


class Flaky:
    """A producer that fails as planned: `faults` says, by number of the call, what happens to a record."""

    def __init__(self, at_once: dict[int, Exception] | None = None, later: dict[int, Exception] | None = None) -> None:
        self.at_once = at_once or {}
        self.later = later or {}
        self.calls = 0
        self.sent: list[tuple[Topic, bytes | None, bytes | None, Headers | None]] = []
        self.acknowledged: list[bytes | None] = []
        self.renewed = self.generation = 0
        self.renewal_faults: list[Exception] = []

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Take a record, unless this call is to fail."""
        self.sent.append((topic, key, value, headers))
        number = self.calls
        self.calls += 1
        if number in self.at_once:
            raise self.at_once[number]
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if number in self.later:
            future.set_exception(self.later[number])
        else:
            self.acknowledged.append(value)
            future.set_result(None)
        return future

    async def renew(self, generation: int) -> None:
        """Begin anew, unless that is to fail."""
        assert generation == self.generation
        self.renewed += 1
        if self.renewal_faults:
            raise self.renewal_faults.pop()
        self.generation += 1


@pytest.fixture(autouse=True)
def no_waiting() -> object:
    """Waits are counted elsewhere."""
    with patch.object(back_off, "LONGEST_SECONDS", 0.001) as patched:
        yield patched


def outputs(count: int) -> list[OutgoingRecord]:
    """Records 0, 1, 2 and so on."""
    return [OutgoingRecord(ACTIONS, b"k", str(number).encode()) for number in range(count)]


async def test_a_record_is_sent_as_it_is() -> None:
    """Topic, key, value and headers."""
    producer = Flaky()
    one = OutgoingRecord(RUNS_DLQ, b"key", b"value", [("code", b"bug")])
    await BatchPublisher(producer).publish([one])
    assert producer.sent == [(one.topic, one.key, one.value, one.headers)]


def in_first_order(acknowledged: list[bytes | None]) -> list[bytes | None]:
    """Each record once, in the order of its first acknowledgement."""
    return list(dict.fromkeys(acknowledged))


async def test_everything_is_acknowledged_in_order() -> None:
    producer = Flaky()
    await BatchPublisher(producer).publish(outputs(5))
    assert producer.acknowledged == [b"0", b"1", b"2", b"3", b"4"]
    assert producer.renewed == 0


async def test_nothing_to_publish_is_nothing_to_do() -> None:
    producer = Flaky()
    await BatchPublisher(producer).publish([])
    assert producer.calls == 0


@pytest.mark.parametrize("fault", [KafkaTimeoutError(), KafkaConnectionError(), ProducerClosed(), OSError("no route")])
async def test_a_record_that_cannot_be_handed_over_is_tried_again_from_there_on(fault: Exception) -> None:
    waits: list[int] = []
    producer = Flaky(at_once={2: fault, 3: fault})
    await BatchPublisher(producer, lambda: waits.append(1)).publish(outputs(5))
    assert producer.acknowledged == [b"0", b"1", b"2", b"3", b"4"]
    assert len(waits) == 2, "each wait is told: it is no stall"


async def test_after_a_failure_everything_behind_it_is_sent_again() -> None:
    """Twice is allowed, a wrong order is not: a later record may have been acknowledged already."""
    producer = Flaky(later={1: OutOfOrderSequenceNumber()})
    await BatchPublisher(producer).publish(outputs(4))
    assert producer.acknowledged == [b"0", b"2", b"3", b"1", b"2", b"3"]
    assert producer.renewed == 1


async def test_time_is_no_reason_to_begin_anew() -> None:
    """A full buffer empties itself; to begin anew would lose the order of what it holds."""
    producer = Flaky(at_once={0: KafkaTimeoutError()})
    await BatchPublisher(producer).publish(outputs(2))
    assert producer.renewed == 0


async def test_a_renewal_that_fails_is_tried_again() -> None:
    producer = Flaky(at_once={0: ProducerClosed(), 1: ProducerClosed()})
    producer.renewal_faults = [KafkaConnectionError()]
    await BatchPublisher(producer).publish(outputs(1))
    assert producer.renewed == 2
    assert producer.acknowledged == [b"0"]


class Limited(Flaky):
    """A producer whose broker refuses what a test says, alone or in the batch that it comes in."""

    def __init__(self, refuses: Callable[[bytes | None], bool], fault: Exception, *, at_once: bool = False) -> None:
        super().__init__()
        self.refuses, self.fault, self.told = refuses, fault, at_once
        self.headers: list[Headers | None] = []
        self.pending: list[tuple[bytes | None, asyncio.Future[object]]] = []

    async def send(
        self, _topic: Topic, _key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Records that come together are refused together."""
        if self.told and self.refuses(value):
            raise self.fault
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.headers.append(headers)
        if not self.pending:
            asyncio.get_running_loop().call_later(0.001, self._answer)
        self.pending.append((value, future))
        return future

    def _answer(self) -> None:
        batch, self.pending = self.pending, []
        bad = any(self.refuses(value) for value, _ in batch)
        for value, future in batch:
            if bad:
                future.set_exception(self.fault)
            else:
                self.acknowledged.append(value)
                future.set_result(None)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("fault", [MessageTooLargeError("big"), MessageSizeTooLargeError(), InvalidTimestampError()])
async def test_one_record_that_kafka_never_takes_holds_up_no_other(fault: Exception, at_once: bool) -> None:  # noqa: FBT001 - a parameter
    """All others are acknowledged, in order; then it is raised, once."""
    producer = Limited(lambda value: value == b"3", fault, at_once=at_once)
    kind = InvalidTimestampError if isinstance(fault, InvalidTimestampError) else MessageTooLargeError
    with pytest.raises(kind):
        await asyncio.wait_for(BatchPublisher(producer).publish(outputs(8)), 5)
    assert in_first_order(producer.acknowledged) == [b"0", b"1", b"2", b"4", b"5", b"6", b"7"]


async def test_a_dead_letter_that_its_topic_refuses_is_kept_by_reference() -> None:
    """Smaller and smaller, until it is taken: what it is about is never lost."""
    letter = DeadLetter.of(("closum.events", 1, 2), ErrorCode.EVENT_INVALID, "no", "tools")
    made = OutgoingRecord(EVENTS_DLQ, b"k", b"x" * 100_000, [("a", b"b"), *letter.to_headers()])
    for most, value in ((50_000, b"x" * 4096), (1000, None)):
        producer = Limited(lambda value, most=most: len(value or b"") > most, MessageSizeTooLargeError())  # type: ignore[misc]
        await asyncio.wait_for(BatchPublisher(producer).publish([*outputs(2), made, *outputs(2)]), 5)
        assert value in producer.acknowledged
        told = next(one for one in reversed(producer.headers) if one)
        assert (DeadLetter.from_headers(told).original_bytes or 0) > 100_000


class FakeProducer:
    """Fails as a test says, then takes records."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[bytes | None] = []
        self.renewals = 0
        self.generation = 0
        self.broken = False

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Take or refuse; a refusal comes with the acknowledgement."""
        del topic, key, headers
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.broken:
            future.set_exception(OutOfOrderSequenceNumber())
        elif self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, MessageTooLargeError):
                raise failure
            future.set_exception(failure)
        else:
            self.taken.append(value)
            future.set_result(None)
        return future

    async def renew(self, generation: int) -> None:
        """Count it, once for all who met the same; the first one after a break fails."""
        if generation != self.generation:
            return
        self.renewals += 1
        if self.broken and self.renewals == 1:
            raise KafkaConnectionError
        self.broken = False
        self.generation += 1


def output(value: bytes) -> OutgoingRecord:
    """One record."""
    return OutgoingRecord(RUNS, b"k", value)


async def test_records_are_sent_until_they_are_acknowledged() -> None:
    """A time-out is waited out; a broken producer is made anew."""
    producer = FakeProducer(KafkaTimeoutError(), KafkaConnectionError())
    await BatchPublisher(producer).publish([output(b"1")])
    await BatchPublisher(producer).publish([OutgoingRecord(HISTORY, b"k", b"2")])
    assert (producer.taken, producer.renewals) == ([b"1", b"2"], 1)


async def test_a_broken_producer_is_made_anew_once_for_all() -> None:
    """Though a hundred jobs meet it at once, and the first renewal fails."""
    producer = FakeProducer()
    producer.broken = True
    one = BatchPublisher(producer)
    await asyncio.gather(*(one.publish([output(b"%d" % number)]) for number in range(100)))
    assert sorted(producer.taken, key=lambda value: int(value or b"")) == [b"%d" % number for number in range(100)]
    assert producer.renewals == 2


async def test_what_is_too_large_is_told() -> None:
    """No later try helps."""
    with pytest.raises(MessageTooLargeError):
        await BatchPublisher(FakeProducer(MessageTooLargeError("big"))).publish([output(b"1")])


@pytest.mark.parametrize("fault", [MessageSizeTooLargeError, InvalidTimestampError])
async def test_what_kafka_refuses_twice_is_told(fault: type[Exception]) -> None:
    """Once may be the fault of what came in the same batch."""
    producer = FakeProducer(fault())
    await BatchPublisher(producer).publish([output(b"1")])
    assert producer.taken == [b"1"]
    with pytest.raises(MessageTooLargeError if fault is MessageSizeTooLargeError else fault):
        await asyncio.wait_for(BatchPublisher(FakeProducer(fault(), fault())).publish([output(b"1")]), 5)


async def test_a_dead_letter_that_kafka_refuses_is_made_smaller() -> None:
    """Until it is taken."""
    letter = DeadLetter.of(("closum.actions", 1, 2), ErrorCode.REQUEST_INVALID, "no", "actions")
    big = OutgoingRecord(ACTIONS_DLQ, b"k", b"x" * 100_000, letter.to_headers())  # type: ignore[arg-type]
    for refusals, value in ((2, b"x" * 4096), (4, None)):
        producer = FakeProducer(*[MessageSizeTooLargeError() for _ in range(refusals)])
        await asyncio.wait_for(BatchPublisher(producer).publish([big]), 5)
        assert producer.taken == [value]


async def test_what_is_acknowledged_is_told_once() -> None:
    """However often it was sent; what is refused is not."""
    told: list[int] = []
    producer = Flaky(later={1: OutOfOrderSequenceNumber()})
    made = [replace(one, on_acknowledged=partial(told.append, number)) for number, one in enumerate(outputs(4))]
    await BatchPublisher(producer).publish(made)
    assert told == [0, 1, 2, 3]
    with pytest.raises(MessageTooLargeError):
        await BatchPublisher(FakeProducer(MessageTooLargeError("big"))).publish(made[:1])
    assert told == [0, 1, 2, 3]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each wait, for which failure in a row it is; none takes any time."""
    found: list[int] = []

    async def wait(self: back_off.BackOff) -> None:
        self.failed()
        found.append(self.attempt)

    monkeypatch.setattr(back_off.BackOff, "wait", wait)
    return found


def waits_of_kafka() -> float:
    """How many are counted."""
    return REGISTRY.get_sample_value("flows_waits_total", {"part": "kafka"}) or 0.0


async def test_waits_grow_and_begin_again_after_an_acknowledgement(waits: list[int]) -> None:
    """Each is counted. Whoever gets on, be it by one record, waits shortly the next time."""
    counted = waits_of_kafka()
    fault = KafkaTimeoutError()
    producer = Flaky(at_once=dict.fromkeys([*range(12), 13, 14, 16], fault))
    await BatchPublisher(producer).publish(outputs(3))
    assert waits == [*range(1, 13), 1, 2, 1]
    assert waits_of_kafka() == counted + 15
    assert producer.acknowledged == [b"0", b"1", b"2"]


async def test_a_record_that_is_refused_alone_is_not_waited_for(waits: list[int]) -> None:
    """What is behind it goes on at once."""
    refused = MessageSizeTooLargeError()
    producer = Flaky(later={1: refused, 3: refused})
    with pytest.raises(MessageTooLargeError, match="more bytes than the topic actions takes"):
        await BatchPublisher(producer).publish(outputs(3))
    assert waits == []
    assert in_first_order(producer.acknowledged) == [b"0", b"2"]
    assert producer.renewed == 2


async def test_the_first_that_is_refused_is_raised() -> None:
    """However many there are."""
    first, second = MessageTooLargeError("first"), MessageTooLargeError("second")
    producer = Flaky(at_once={0: first, 1: second})
    with pytest.raises(MessageTooLargeError, match="first"):
        await BatchPublisher(producer).publish(outputs(3))
    assert producer.acknowledged == [b"2"]
    assert producer.renewed == 0, "it was not even sent: nothing is broken"


async def test_a_dead_letter_that_cannot_be_smaller_waits(waits: list[int]) -> None:
    """Its topic is not as it was made: a person mends that, and then it is taken."""
    told: list[int] = []
    producer = FakeProducer(*[MessageSizeTooLargeError() for _ in range(8)])
    letter = OutgoingRecord(ACTIONS_DLQ, b"k", b"x", [("flows-code", b"bug")])
    await asyncio.wait_for(BatchPublisher(producer, lambda: told.append(1)).publish([letter]), 5)
    assert producer.taken == [None]
    assert (waits, len(told)) == ([1, 2], 2)


async def test_what_a_producer_gave_up_when_it_was_renewed_is_sent_again() -> None:
    """Its future is cancelled then."""
    producer = Flaky()
    real = producer.send

    async def send(*given: Any) -> asyncio.Future[object]:
        future = await real(*given)
        if producer.calls == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
        return future

    producer.send = send  # type: ignore[assignment,method-assign]
    await asyncio.wait_for(BatchPublisher(producer).publish(outputs(1)), 5)
    assert producer.calls == 2
    assert producer.renewed == 1


async def test_a_publisher_can_be_cancelled() -> None:
    """It takes its own end for no failure of a record."""
    asked = asyncio.Event()

    class Silent(Flaky):
        async def send(self, *_given: Any) -> asyncio.Future[object]:
            self.calls += 1
            asked.set()
            return asyncio.get_running_loop().create_future()

    producer = Silent()
    task = asyncio.create_task(BatchPublisher(producer).publish(outputs(1)))
    await asked.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert producer.calls == 1


@pytest.mark.parametrize("fault", [KafkaConnectionError(), OSError("no route")])
async def test_who_cannot_renew_tries_on(fault: Exception) -> None:
    """The next try fails as the first did, and renews again."""
    producer = Flaky(at_once={0: ProducerClosed(), 1: ProducerClosed()})
    producer.renewal_faults = [fault]
    await asyncio.wait_for(BatchPublisher(producer).publish(outputs(2)), 5)
    assert (producer.acknowledged, producer.renewed) == ([b"0", b"1"], 2)


async def test_what_follows_a_failure_is_no_acknowledgement() -> None:
    """Of two failures the first counts: everything from there on is sent again."""
    producer = Flaky(later={1: KafkaConnectionError(), 2: KafkaTimeoutError()})
    told: list[bytes | None] = []
    made = [replace(one, on_acknowledged=partial(told.append, one.value)) for one in outputs(4)]
    await BatchPublisher(producer).publish(made)
    assert producer.acknowledged == [b"0", b"3", b"1", b"2", b"3"]
    assert told == [b"0", b"1", b"2", b"3"]
    assert producer.renewed == 1
