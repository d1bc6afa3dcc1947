"""Publishing ends only when Kafka has the records, through whatever failures."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
)

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS_DLQ, HISTORY, RUNS, Topic
from services.actions.delivery import publisher
from services.actions.delivery.publisher import Publisher
from services.actions.delivery.records import Headers, Output
from services.runtime.kafka import MessageTooLargeError


class FakeProducer:
    """Fails as a test says, then takes records."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[bytes | None] = []
        self.renewals = 0
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

    async def renew(self) -> None:
        """Count it; the first one after a break fails."""
        self.renewals += 1
        if self.broken and self.renewals == 1:
            raise KafkaConnectionError
        self.broken = False


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "LONGEST_WAIT_SECONDS", 0.0)


def output(value: bytes) -> Output:
    """One record."""
    return Output(RUNS, b"k", value)


async def test_records_are_sent_until_they_are_acknowledged() -> None:
    """A time-out is waited out; a broken producer is made anew."""
    producer = FakeProducer(KafkaTimeoutError(), KafkaConnectionError())
    await Publisher(producer).publish([output(b"1"), Output(HISTORY, b"k", b"2")])
    assert (producer.taken, producer.renewals) == ([b"1", b"2"], 1)


async def test_a_broken_producer_is_made_anew_once_for_all() -> None:
    """Though a hundred jobs meet it at once, and the first renewal fails."""
    producer = FakeProducer()
    producer.broken = True
    one = Publisher(producer)
    await asyncio.gather(*(one.publish([output(b"%d" % number)]) for number in range(100)))
    assert sorted(producer.taken, key=lambda value: int(value or b"")) == [b"%d" % number for number in range(100)]
    assert producer.renewals == 2


async def test_what_is_too_large_is_told() -> None:
    """No later try helps."""
    with pytest.raises(MessageTooLargeError):
        await Publisher(FakeProducer(MessageTooLargeError("big"))).publish([output(b"1")])


@pytest.mark.parametrize("fault", [MessageSizeTooLargeError, InvalidTimestampError])
async def test_what_kafka_refuses_twice_is_told(fault: type[Exception]) -> None:
    """Once may be the fault of what came in the same batch."""
    producer = FakeProducer(fault())
    await Publisher(producer).publish([output(b"1")])
    assert producer.taken == [b"1"]
    with pytest.raises(MessageTooLargeError if fault is MessageSizeTooLargeError else fault):
        await asyncio.wait_for(Publisher(FakeProducer(fault(), fault())).publish([output(b"1")]), 5)


async def test_a_dead_letter_that_kafka_refuses_is_made_smaller() -> None:
    """Until it is taken."""
    letter = DeadLetter.of(("closum.actions", 1, 2), ErrorCode.REQUEST_INVALID, "no", "actions")
    big = Output(ACTIONS_DLQ, b"k", b"x" * 100_000, letter.to_headers())  # type: ignore[arg-type]
    for refusals, value in ((2, b"x" * 4096), (4, None)):
        producer = FakeProducer(*[MessageSizeTooLargeError() for _ in range(refusals)])
        await asyncio.wait_for(Publisher(producer).publish([big]), 5)
        assert producer.taken == [value]
