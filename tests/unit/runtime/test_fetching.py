"""Whatever a disk does to a batch, reading goes on behind it, and tells of what it passed over."""

from __future__ import annotations

import asyncio

import aiokafka.consumer.consumer
import aiokafka.consumer.fetcher
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.runtime import kafka
from services.runtime.kafka import fetching
from services.runtime.kafka.fetching import Fetcher, Records
from services.runtime.kafka.offset_gaps import Gap

HERE = TopicPartition("closum.events", 3)
COMMITTED = 1
LENGTH = range(8, 12)


def batch(base: int, count: int = 3) -> bytes:
    """A batch as Kafka keeps it."""
    made = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 100_000)
    for number in range(count):
        made.append(number, 0, b"k", b"%d" % (base + number), [("h", b"v")])
    return base.to_bytes(8, "big") + bytes(made.build())[8:]


BATCHES = [batch(base) for base in (0, 3, 6, 9)]


def read(data: bytes, position: int = 0, limit: int = 12) -> tuple[list[ConsumerRecord], int]:
    """What one fetch gives, and where the next one begins."""
    records = Records(HERE, MemoryRecords(data), None, position, None, None, True, COMMITTED)  # noqa: FBT003 - aiokafka's
    records.limit(limit)
    return list(records), records.next_fetch_offset


def test_what_is_whole_comes_as_it_is() -> None:
    found, after = read(b"".join(BATCHES))
    assert [(one.offset, one.value) for one in found] == [(n, b"%d" % n) for n in range(12)]
    assert after == 12
    assert [one.offset for one in read(b"".join(BATCHES[1:]), position=4)[0]] == list(range(4, 12))


def test_offsets_without_a_record_come_as_a_gap_in_their_place() -> None:
    """As transactions and compaction leave them; where the next fetch begins is right after each."""
    records = Records(HERE, MemoryRecords(BATCHES[0] + BATCHES[2]), None, 0, None, None, True, COMMITTED)  # noqa: FBT003
    records.limit(12)
    found = [
        (one.value.first if isinstance(one.value, Gap) else one.offset, one.offset, records.next_fetch_offset)
        for one in records
    ]
    assert found == [(0, 0, 1), (1, 1, 2), (2, 2, 3), (3, 5, 6), (6, 6, 7), (7, 7, 8), (8, 8, 9)]


@pytest.mark.parametrize("at", [at for at in range(len(BATCHES[1])) if at not in LENGTH])
@pytest.mark.parametrize("flipped", [0x01, 0x80, 0xFF])
def test_any_byte_may_be_broken(at: int, flipped: int) -> None:
    """But its length, which says where the next one begins: what lies behind comes, each offset is told once."""
    broken = bytearray(BATCHES[1])
    broken[at] ^= flipped
    found, after = read(BATCHES[0] + bytes(broken) + BATCHES[2] + BATCHES[3])
    told = [
        offset
        for one in found
        for offset in range(one.value.first if isinstance(one.value, Gap) else one.offset, one.offset + 1)
    ]
    assert told == list(range(12))
    assert after == 12
    whole = {one.offset: one.value for one in found if not isinstance(one.value, Gap)}
    assert {n: b"%d" % n for n in (0, 1, 2, *range(6, 12))}.items() <= whole.items()
    assert all(one.value.cause for one in found if isinstance(one.value, Gap))


@pytest.mark.parametrize("at", LENGTH)
@pytest.mark.parametrize("flipped", [0x01, 0x10, 0x80, 0xFF])
def test_a_broken_length_leads_nowhere_else(at: int, flipped: int) -> None:
    """Kafka is asked anew behind it; no offset is told twice, and none that the partition has not."""
    broken = bytearray(BATCHES[1])
    broken[at] ^= flipped
    found, after = read(BATCHES[0] + bytes(broken) + BATCHES[2] + BATCHES[3])
    offsets = [one.offset for one in found]
    assert offsets == sorted(set(offsets))
    assert offsets[:3] == [0, 1, 2]
    assert max(offsets) < after <= 12


@pytest.mark.parametrize("limit", range(12))
def test_whole_batches_come_also_behind_the_end_that_kafka_tells(limit: int) -> None:
    """Kafka notes its end before it reads: what comes in between is given with an answer that tells the earlier end."""
    found, after = read(b"".join(BATCHES), limit=limit)
    assert [(one.offset, one.value) for one in found] == [(n, b"%d" % n) for n in range(12)]
    assert after == 12
    assert [one.offset for one in read(b"".join(BATCHES[1:]), position=4, limit=limit)[0]] == list(range(4, 12))


def test_a_broken_batch_alone_at_the_end_is_passed() -> None:
    """Its own word counts while it can be true; else one gets on by one."""
    broken = bytearray(BATCHES[1])
    broken[70] ^= 0xFF
    (told,), after = read(bytes(broken), position=3, limit=6)
    assert isinstance(told.value, Gap)
    assert (told.value.first, told.offset, after) == (3, 5, 6)
    (told,), after = read(bytes(broken), position=3, limit=5)
    assert (told.offset, after) == (3, 4)


def test_what_is_lost_is_counted_under_the_topics_name_and_said() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("flows_records_lost_total", {"topic": "events", "partition": "3"}) or 0.0

    def anew() -> float:
        labels = {"topic": "events", "partition": "3"}
        return REGISTRY.get_sample_value("flows_positions_reset_total", labels) or 0.0

    before, begun = counted(), anew()
    with capture_logs() as lines:
        fetching.tell(HERE, 10, 25)
        fetching.tell(HERE, 30, 4)
    assert (counted() - before, anew() - begun) == (15, 1)
    lost, reset = lines
    assert (lost["event"], lost["log_level"], lost["first"], lost["last"]) == ("records.lost", "critical", 10, 24)
    assert (reset["event"], reset["log_level"], reset["goes_on"]) == ("position.reset", "error", 4)


async def test_it_ends_while_kafka_is_away() -> None:
    """A fetch in its back-off raises CancelledError when it is cancelled: no end of a process may."""
    fetcher = Fetcher.__new__(Fetcher)
    fetcher._fetch_waiters = set()
    fetcher._fetch_task = asyncio.create_task(asyncio.sleep(60))
    fetches = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    fetcher._pending_tasks = set(fetches)
    await fetcher.close()
    assert all(task.done() for task in (fetcher._fetch_task, *fetches))


def test_aiokafka_has_what_we_take_the_place_of() -> None:
    """The names that we override or read. When one is gone, look at what aiokafka does instead."""
    assert callable(kafka.consumer)  # whoever can make a consumer has had them put there
    theirs = Fetcher.__mro__[1]
    assert {"_proc_fetch_request", "_update_fetch_positions", "close"} <= vars(theirs).keys()
    assert "_unpack_records" in vars(Records.__mro__[1])
    assert aiokafka.consumer.fetcher.PartitionRecords is Records
    assert aiokafka.consumer.consumer.Fetcher is Fetcher
    assert hasattr(SubscriptionState, "partitions_auto_assigned")
