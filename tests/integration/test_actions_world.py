"""What services/actions is given behaves the same in memory and in PostgreSQL: the fakes are true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition

from contracts.errors import ErrorCode
from contracts.topics import ACTIONS
from services.actions.journal.effects import Begin, Fenced, Go, HasFailed, Held, IsUnknown, Key, Record, Settle, WasDone
from services.actions.journal.effects import State as EffectState
from services.actions.journal.effects_table import EffectsTable
from services.actions.limits.limits_table import LimitsTable
from services.actions.queue.parked_table import Parked, ParkedTable
from services.actions.world import REAL
from services.flows.catalogue import Guarantee
from services.runtime import database
from services.runtime.kafka import ConsumedRecord, consumer
from tests.support.actions import kafka
from tests.support.world.kafka import Broker, FakeConsumer
from tests.support.world.tables import FakeEffects, FakeLimits, FakeParked

AT_MOST_ONCE, REPEATABLE = Guarantee.AT_MOST_ONCE, Guarantee.REPEATABLE


@dataclass
class Tables:
    """Those of one kind."""

    effects: EffectsTable
    limits: LimitsTable
    parked: ParkedTable


@pytest.fixture(params=["fake", "real"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    """In memory, and in PostgreSQL."""
    if request.param == "fake":
        yield Tables(FakeEffects(REAL), FakeLimits(REAL), FakeParked(REAL))
        return
    pool = await database.connect(request.getfixturevalue("own_database"))
    try:
        yield Tables(EffectsTable(pool, 3600), LimitsTable(pool), ParkedTable(pool))
    finally:
        await pool.close()


def key(name: str) -> Key:
    """An effect."""
    return Key("default", name)


async def begun(tables: Tables, name: str, guarantee: Guarantee, epoch: int, record: Record) -> object:
    """What the journal says."""
    decisions, _ = await tables.effects.write([Begin(key(name), guarantee, epoch, record)], [])
    return decisions[key(name)]


async def settled(tables: Tables, settle: Settle) -> bool:
    """Whether the journal took it."""
    return settle.key in (await tables.effects.write([], [settle]))[1]


async def test_what_was_done_is_answered(tables: Tables) -> None:
    """Whichever record asks for it."""
    epoch = (await tables.effects.enter(["a/0"], "me"))["a/0"]
    assert await begun(tables, "one", REPEATABLE, epoch, Record("a/0", 1)) == Go(1, 0.0)
    assert await settled(tables, Settle(key("one"), epoch, EffectState.DONE, b"{}"))
    for offset in (1, 2):
        assert await begun(tables, "one", AT_MOST_ONCE, epoch, Record("a/0", offset)) == WasDone(b"{}")


async def test_who_lost_a_partition_begins_nothing(tables: Tables) -> None:
    """And settles only what nobody else has taken."""
    old = (await tables.effects.enter(["a/0"], "old"))["a/0"]
    assert isinstance(await begun(tables, "sent", REPEATABLE, old, Record("a/0", 1)), Go)
    new = (await tables.effects.enter(["a/0"], "new"))["a/0"]
    assert new > old
    assert await begun(tables, "other", REPEATABLE, old, Record("a/0", 2)) == Fenced()
    again = await begun(tables, "sent", REPEATABLE, new, Record("a/0", 1))
    assert isinstance(again, Go)
    assert (again.attempts, again.maybe) == (2, True)
    assert not await settled(tables, Settle(key("sent"), old, EffectState.DONE, b"{}"))
    assert await settled(tables, Settle(key("sent"), new, EffectState.CLAIMED))


async def test_what_may_have_happened_and_must_not_be_repeated_is_unknown(tables: Tables) -> None:
    """Once its worker is gone; while it is alive it holds the effect."""
    old = (await tables.effects.enter(["a/0"], "old"))["a/0"]
    elsewhere = (await tables.effects.enter(["a/1"], "other"))["a/1"]
    assert isinstance(await begun(tables, "once", AT_MOST_ONCE, old, Record("a/0", 1)), Go)
    assert await begun(tables, "once", AT_MOST_ONCE, elsewhere, Record("a/1", 9)) == Held()
    new = (await tables.effects.enter(["a/0"], "new"))["a/0"]
    for _ in range(2):
        found = await begun(tables, "once", AT_MOST_ONCE, new, Record("a/0", 1))
        assert isinstance(found, IsUnknown)
        assert found.code is ErrorCode.CALL_LOST


async def test_what_is_ended_without_a_request_is_known_to_have_sent_none(tables: Tables) -> None:
    """A worker ended while it ended a call that it did not make; what was sent before it is remembered."""
    record = Record("a/0", 1)
    for number in range(3):
        epoch = (await tables.effects.enter(["a/0"], f"late {number}"))["a/0"]
        for name in ("never", "sent"):
            begin = Begin(key(name), REPEATABLE, epoch, record, leaves=name == "sent" and not number)
            decisions, _ = await tables.effects.write([begin], [])
            found = decisions[key(name)]
            assert isinstance(found, Go)
            assert found.maybe is (name == "sent" and number > 0)
    assert await begun(tables, "never", AT_MOST_ONCE, epoch, record) == Go(1, 0.0)
    assert await settled(tables, Settle(key("never"), epoch, EffectState.FAILED, code=ErrorCode.TOO_LATE))


async def test_what_failed_is_tried_anew_by_another_record(tables: Tables) -> None:
    """The same record is a replay."""
    epoch = (await tables.effects.enter(["a/0"], "me"))["a/0"]
    await begun(tables, "bad", REPEATABLE, epoch, Record("a/0", 1))
    failed = Settle(key("bad"), epoch, EffectState.FAILED, code=ErrorCode.CALL_REJECTED, cause="no", maybe=True)
    assert await settled(tables, failed)
    found = await begun(tables, "bad", REPEATABLE, epoch, Record("a/0", 1))
    assert found == HasFailed(ErrorCode.CALL_REJECTED, "no", 1, maybe=True)
    assert await begun(tables, "bad", REPEATABLE, epoch, Record("a/0", 2)) == Go(1, 0.0)


async def test_an_attempt_that_failed_is_counted(tables: Tables) -> None:
    """And what it may have done is remembered."""
    epoch = (await tables.effects.enter(["a/0"], "me"))["a/0"]
    await begun(tables, "again", REPEATABLE, epoch, Record("a/0", 1))
    assert await settled(tables, Settle(key("again"), epoch, EffectState.CLAIMED, maybe=True))
    found = await begun(tables, "again", REPEATABLE, epoch, Record("a/0", 1))
    assert isinstance(found, Go)
    assert (found.attempts, found.maybe) == (2, True)


async def test_an_attempt_is_taken_back_once_however_often_that_is_written(tables: Tables) -> None:
    """A statement whose answer is lost is written again; then more attempts were taken back than were made."""
    epoch = (await tables.effects.enter(["a/0"], "me"))["a/0"]
    for _ in range(2):
        found = await begun(tables, "free", REPEATABLE, epoch, Record("a/0", 1))
        assert isinstance(found, Go)
        assert found.attempts == 1
        for _ in range(3):
            assert await settled(tables, Settle(key("free"), epoch, EffectState.CLAIMED, maybe=True, free=True))


async def test_what_the_destination_says_is_not_there_may_be_sent_again(tables: Tables) -> None:
    """Whatever an earlier attempt may have done: it has said that nothing is there."""
    epoch = (await tables.effects.enter(["a/0"], "me"))["a/0"]
    await begun(tables, "asked", AT_MOST_ONCE, epoch, Record("a/0", 1))
    assert await settled(tables, Settle(key("asked"), epoch, EffectState.UNKNOWN, code=ErrorCode.CALL_LOST, maybe=True))
    assert isinstance(await begun(tables, "asked", AT_MOST_ONCE, epoch, Record("a/0", 1)), IsUnknown)
    assert await settled(tables, Settle(key("asked"), epoch, EffectState.CLAIMED, absent=True))
    found = await begun(tables, "asked", AT_MOST_ONCE, epoch, Record("a/0", 1))
    assert isinstance(found, Go)
    assert not found.maybe


async def test_slots_are_nobody_elses(tables: Tables) -> None:
    """One after the other; what passed unused is gone, but for a burst."""
    first = await tables.limits.slots("crm", 1.0, 0.0)
    second = await tables.limits.slots("crm", 1.0, 0.0)
    assert first <= 0.05
    assert 0.9 < second - first <= 1.0


async def test_a_quota_is_leased_while_there_is_some(tables: Tables) -> None:
    """The whole of it, and no call more."""
    assert [await tables.limits.quota("crm", calls, 10) for calls in (6, 6, 4, 1)] == [6, 0, 4, 0]


async def test_a_pause_is_known_to_all_and_only_grows(tables: Tables) -> None:
    """By its longest."""
    assert await tables.limits.pauses(["crm", "other"]) == {}
    await tables.limits.pause("crm", 30)
    await tables.limits.pause("crm", 10)
    found = await tables.limits.pauses(["crm", "other"])
    assert found.keys() == {"crm"}
    assert 29 < found["crm"] <= 30


async def test_one_worker_opens_a_breaker_and_one_tries_it(tables: Tables) -> None:
    """Again: for longer."""
    limits = tables.limits
    assert await limits.open("crm", 5, 60, "ill", again=False) == pytest.approx(5)
    assert await limits.open("crm", 5, 60, "ill", again=False) is None
    assert await limits.breakers(["crm", "other"]) == {"crm": False}
    assert not await limits.probe("crm", 30, 0.0)
    assert await limits.open("crm", 5, 60, "ill", again=True) == pytest.approx(10)
    assert await limits.open("crm", 0.0, 60, "ill", again=True) == pytest.approx(0.0)
    assert await limits.breakers(["crm"]) == {"crm": True}
    assert not await limits.probe("crm", 30, 30.0)
    assert await limits.probe("crm", 30, 0.0)
    assert not await limits.probe("crm", 30, 0.0)
    await limits.close("crm")
    assert await limits.breakers(["crm"]) == {}


def parked(offset: int, *, lane: str = "l", attempts: int = 0, wait: float = 0.0) -> Parked:
    """A request."""
    record = ConsumedRecord(ACTIONS, "a", 0, offset, b"k", b"v", [("h", None), ("i", b"1")])
    return Parked("a/0", lane, record, attempts, 5.0, wait)


async def test_what_is_past_its_deadline_is_found_wherever_it_waits(tables: Tables) -> None:
    """With its lane or for a connection; what has time, or no deadline, is not."""
    now = time.time()
    await tables.parked.add([parked(1)._replace(deadline=now - 5), parked(2)._replace(deadline=now + 60), parked(3)])
    await tables.parked.copy([shelved(4)._replace(deadline=now - 9), shelved(5)])
    found = await tables.parked.late(["a/0", "a/1"], now, 9)
    assert [one.record.offset for one in found] == [4, 1]
    assert [one.record.offset for one in await tables.parked.late(["a/0"], now, 1)] == [4]
    assert await tables.parked.late(["a/1"], now, 9) == []


async def test_a_clock_that_is_set_back_makes_no_lane_wait_longer(own_database: str) -> None:
    """PostgreSQL's, by hours, while lanes are parked and their worker is started anew."""
    pool = await database.connect(own_database)
    try:
        table = ParkedTable(pool)
        await table.add([parked(1, wait=60.0), parked(2)])
        # As if it had been so by that much: no test sets a server's clock.
        await pool.execute("update parked set due_at = due_at + interval '3 h', began_at = began_at + interval '3 h'")
        (head,) = await table.heads("a/0")
        assert 50 < head.wait_seconds <= 60
        assert [one.age_seconds for one in await table.load([("a/0", "l")], 2)] == [0.0, 0.0]
        await table.add([parked(1, wait=5.0)])
        assert (await table.heads("a/0"))[0].wait_seconds <= 5
    finally:
        await pool.close()


async def test_a_parked_lane_comes_back_in_order(tables: Tables) -> None:
    """As it was, a part at a time; by the moment of its first."""
    await tables.parked.add([parked(offset, wait=60.0 if offset == 1 else 0.0) for offset in (3, 1, 2)])
    await tables.parked.add([parked(7, lane="other")])
    heads = {head.lane: head for head in await tables.parked.heads("a/0")}
    assert {name: head.rows for name, head in heads.items()} == {"l": 3, "other": 1}
    assert 58 < heads["l"].wait_seconds <= 60
    assert await tables.parked.heads("a/1") == []
    found = await tables.parked.load([("a/0", "l")], 2)
    assert [one.record for one in found] == [parked(1).record, parked(2).record]
    assert all(5.0 <= one.age_seconds < 10.0 for one in found)
    await tables.parked.remove([("a/0", "l", 1), ("a/0", "l", 9)])
    assert [one.record.offset for one in await tables.parked.load([("a/0", "l")], 9)] == [2, 3]


async def test_what_waits_for_a_connection_comes_back_in_order(tables: Tables) -> None:
    """A part at a time, and no lane of it waits by itself; one that is parked with its lane does from then on."""
    for offset in (5, 1, 3, 2):
        await tables.parked.copy([shelved(offset)])
    await tables.parked.copy([shelved(5), shelved(7, lane="other")])
    await tables.parked.add([parked(9, lane="own")])
    await tables.parked.copy([shelved(6)._replace(connection="books")])
    assert await tables.parked.connections("a/0") == ["books", "crm"]
    assert await tables.parked.connections("a/1") == []
    assert [await tables.parked.count(place) for place in ("a/0", "a/1")] == [7, 0]
    assert [head.lane for head in await tables.parked.heads("a/0")] == ["own"]
    found = await tables.parked.next("a/0", "crm", 1, 3)
    assert [one.record for one in found] == [shelved(offset).record for offset in (2, 3, 5)]
    assert {(one.age_seconds, one.still) for one in found} == {(5.0, True)}
    assert await tables.parked.newest("a/0", "crm", 2) == ["other", "l"]
    await tables.parked.add([parked(1)])
    await tables.parked.add([parked(6)])
    assert await tables.parked.connections("a/0") == ["crm"]
    assert {head.lane for head in await tables.parked.heads("a/0")} == {"l", "own"}
    assert [one.record.offset for one in await tables.parked.load([("a/0", "l")], 9)] == [1, 2, 3, 5, 6]
    assert await tables.parked.bytes() > 0


def shelved(offset: int, lane: str = "l") -> Parked:
    """A request that waits for a connection."""
    return parked(offset, lane=lane)._replace(still=True, connection="crm")


async def test_a_row_that_comes_again_is_one(tables: Tables) -> None:
    """The one with more attempts has the word."""
    for attempts in (0, 3, 1):
        await tables.parked.add([parked(1, attempts=attempts, wait=attempts)])
    (found,) = await tables.parked.load([("a/0", "l")], 9)
    assert found.attempts == 3
    assert (await tables.parked.heads("a/0"))[0].rows == 1


class Told(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """What a member was told."""

    def __init__(self) -> None:
        self.assigned: set[TopicPartition] = set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """They are somebody else's."""
        self.assigned -= set(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """They are its own."""
        self.assigned |= set(assigned)


@dataclass
class KafkaSide:
    """A topic of one partition. `member` joins the group, and has it."""

    place: TopicPartition
    put: Callable[[bytes], Awaitable[None]]
    member: Callable[[], Awaitable[Any]]
    leave: Callable[[Any], Awaitable[None]]


@pytest.fixture(params=["fake", "real"])
async def side(request: pytest.FixtureRequest, topic_prefix: str) -> AsyncIterator[KafkaSide]:
    """In memory, and Kafka."""
    place = TopicPartition(ACTIONS.under(topic_prefix), 0)
    if request.param == "fake":
        broker = Broker()

        async def put(value: bytes) -> None:
            broker.put(place.topic, place.partition, b"k", value)

        async def member() -> FakeConsumer:
            made = FakeConsumer(broker)
            made.subscribe([place.topic], Told())
            await made.assign([place])
            return made

        async def leave(member: FakeConsumer) -> None:
            await member.assign([])

        yield KafkaSide(place, put, member, leave)
        return
    async with kafka(request.getfixturevalue("kafka_bootstrap"), topic_prefix, partitions=1) as topics:

        async def put_really(value: bytes) -> None:
            await (await topics.producer.send(ACTIONS, b"k", value))

        async def join() -> Any:
            made, told = consumer(topics.settings, "g"), Told()
            await made.start()
            made.subscribe([place.topic], listener=told)
            async with asyncio.timeout(30):
                while not told.assigned:  # noqa: ASYNC110 - aiokafka tells by a callback
                    await asyncio.sleep(0.05)
            return made

        async def stop(member: Any) -> None:
            await member.stop()

        yield KafkaSide(place, put_really, join, stop)


async def read(member: Any, place: TopicPartition, count: int) -> list[bytes]:
    """So many records, as they come."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            taken = await member.getmany(timeout_ms=200, max_records=count - len(found))
            found += [one.value for one in taken.get(place, ())]
    return found


async def test_a_member_reads_in_order_pauses_and_goes_on_where_it_was_committed(side: KafkaSide) -> None:
    """What is taken and not committed comes again, to whoever comes next."""
    for number in range(5):
        await side.put(b"%d" % number)
    first = await side.member()
    assert await read(first, side.place, 2) == [b"0", b"1"]
    first.pause(side.place)
    assert first.paused() == {side.place}
    assert await first.getmany(timeout_ms=300, max_records=9) == {}
    first.resume(side.place)
    assert await read(first, side.place, 3) == [b"2", b"3", b"4"]
    await first.commit({side.place: 3})
    await side.leave(first)
    second = await side.member()
    await side.put(b"5")
    assert await read(second, side.place, 3) == [b"3", b"4", b"5"]
    await side.leave(second)


async def test_a_clock_that_is_set_back_lets_nobody_wait_for_hours(own_database: str) -> None:
    """PostgreSQL's, by which slots, pauses and breakers go: what lies hours ahead is over."""
    pool = await database.connect(own_database)
    try:
        limits = LimitsTable(pool)
        await limits.slots("crm", 1.0, 0.0)
        await limits.pause("crm", 30.0)
        await limits.open("crm", 5.0, 60.0, "ill", again=False)
        await pool.execute(
            "update limits set next_at = next_at + interval '3 h', paused_until = paused_until + interval '3 h'"
        )
        await pool.execute("update breakers set open_until = open_until + interval '3 h'")
        assert await limits.slots("crm", 1.0, 0.0) <= 0.1
        assert 0.5 < await limits.slots("crm", 1.0, 0.0) <= 1.1
        assert await limits.pauses(["crm"]) == {}
        assert await limits.breakers(["crm"]) == {"crm": True}
        assert await limits.probe("crm", 30.0, 0.0)
        assert await limits.breakers(["crm"]) == {"crm": False}
    finally:
        await pool.close()
