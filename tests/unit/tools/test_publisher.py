"""Publishing: nothing is given up, and nothing overtakes anything."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, OutOfOrderSequenceNumber, ProducerClosed

from contracts.topics import ACTIONS, Topic
from services.tools import publisher
from services.tools.publisher import Publisher
from services.tools.records import Headers, Output


class Flaky:
    """A producer that fails as planned: `faults` says, by number of the call, what happens to a record."""

    def __init__(self, at_once: dict[int, Exception] | None = None, later: dict[int, Exception] | None = None) -> None:
        self.at_once = at_once or {}
        self.later = later or {}
        self.calls = 0
        self.acknowledged: list[bytes | None] = []
        self.renewed = 0
        self.renewal_faults: list[Exception] = []

    async def send(
        self, _topic: Topic, _key: bytes | None, value: bytes | None, _headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Take a record, unless this call is to fail."""
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

    async def renew(self) -> None:
        """Begin anew, unless that is to fail."""
        self.renewed += 1
        if self.renewal_faults:
            raise self.renewal_faults.pop()


@pytest.fixture(autouse=True)
def no_waiting() -> object:
    """Waits are counted elsewhere."""
    with patch.object(publisher, "LONGEST_WAIT_SECONDS", 0.001) as patched:
        yield patched


def outputs(count: int) -> list[Output]:
    """Records 0, 1, 2 and so on."""
    return [Output(ACTIONS, b"k", str(number).encode()) for number in range(count)]


def in_first_order(acknowledged: list[bytes | None]) -> list[bytes | None]:
    """Each record once, in the order of its first acknowledgement."""
    return list(dict.fromkeys(acknowledged))


async def test_everything_is_acknowledged_in_order() -> None:
    producer = Flaky()
    await Publisher(producer).publish(outputs(5))
    assert producer.acknowledged == [b"0", b"1", b"2", b"3", b"4"]
    assert producer.renewed == 0


async def test_nothing_to_publish_is_nothing_to_do() -> None:
    producer = Flaky()
    await Publisher(producer).publish([])
    assert producer.calls == 0


@pytest.mark.parametrize("fault", [KafkaTimeoutError(), KafkaConnectionError(), ProducerClosed(), OSError("no route")])
async def test_a_record_that_cannot_be_handed_over_is_tried_again_from_there_on(fault: Exception) -> None:
    waits: list[int] = []
    producer = Flaky(at_once={2: fault, 3: fault})
    await Publisher(producer, lambda: waits.append(1)).publish(outputs(5))
    assert producer.acknowledged == [b"0", b"1", b"2", b"3", b"4"]
    assert len(waits) == 2, "each wait is told: it is no stall"


async def test_after_a_failure_everything_behind_it_is_sent_again() -> None:
    """Twice is allowed, a wrong order is not: a later record may have been acknowledged already."""
    producer = Flaky(later={1: OutOfOrderSequenceNumber()})
    await Publisher(producer).publish(outputs(4))
    assert producer.acknowledged == [b"0", b"2", b"3", b"1", b"2", b"3"]
    assert producer.renewed == 1


async def test_time_is_no_reason_to_begin_anew() -> None:
    """A full buffer empties itself; to begin anew would lose the order of what it holds."""
    producer = Flaky(at_once={0: KafkaTimeoutError()})
    await Publisher(producer).publish(outputs(2))
    assert producer.renewed == 0


async def test_a_renewal_that_fails_is_tried_again() -> None:
    producer = Flaky(at_once={0: ProducerClosed(), 1: ProducerClosed()})
    producer.renewal_faults = [KafkaConnectionError()]
    await Publisher(producer).publish(outputs(1))
    assert producer.renewed == 2
    assert producer.acknowledged == [b"0"]
