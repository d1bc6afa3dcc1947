"""The rules of the Faust application that hold before anything is started, and the body of its agents."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, patch

import faust
import faust.streams
import faust.transport.consumer
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers import aiokafka as driver

from contracts.topics import EVENTS
from services.runtime.cures import curable
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.group_consumer import GroupConsumer
from services.tools import faust_app
from services.tools.handled_offsets import HandledOffsets
from services.tools.settings import ToolsSettings

PLACE = TopicPartition("t", 0)


async def nothing(_records: Sequence[ConsumedRecord]) -> None:
    """A handler that does nothing."""


@pytest.fixture(scope="module")
def application() -> faust.App:
    """The application as the service makes it."""
    settings = ToolsSettings(
        kafka_bootstrap="one:9092,two:9093", topic_prefix="test.", instance_id="tools-0", batch_size=100
    )
    return faust_app.make(settings, nothing, nothing)


def test_each_topic_has_one_agent_with_one_actor(application: faust.App) -> None:
    """Faust #606: with two actors, a killed worker commits past an unfinished record."""
    agents = {name: agent for name, agent in application.agents.items() if "faust." not in name}
    assert {agent.channel.get_topic_name() for agent in agents.values()} == {"test.events", "test.runs"}
    assert [agent.concurrency for agent in agents.values()] == [1, 1]


def test_delivery_is_at_least_once_and_streams_are_waited_for(application: faust.App) -> None:
    assert application.conf.processing_guarantee.value == "at_least_once"
    assert application.conf.stream_wait_empty is True


def test_faust_makes_no_topics_no_tables_and_serves_no_web(application: faust.App) -> None:
    conf = application.conf
    assert (conf.topic_allow_declare, conf.topic_disable_leader, conf.web_enabled) == (False, True, False)
    assert not application.tables
    assert not application.tables.changelog_topics
    assert conf.table_standby_replicas == 0


async def test_its_start_waits_for_no_tables(application: faust.App) -> None:
    """Faust sleeps a second there, at each start of each replica, for tables that are declared meanwhile."""
    tables = application.tables
    done = AsyncMock()
    with (
        patch.object(tables, "sleep", side_effect=AssertionError("it sleeps")),
        patch.object(tables, "_update_channels", done),
        patch.object(tables.recovery, "start", done),
    ):
        await tables.on_start()
    assert done.await_count == 2


def test_bytes_come_in_as_they_are(application: faust.App) -> None:
    """A decoding error inside faust kills the agent."""
    for agent in application.agents.values():
        if "faust." not in agent.name:
            assert agent.channel.schema.value_serializer == "raw"
            assert agent.channel.schema.key_serializer == "raw"
            assert agent.channel.allow_empty is True


async def test_its_consumer_is_that_of_every_service(application: faust.App) -> None:
    """Faust has no setting for reading only what was committed; a replica keeps its name in the group."""
    thread = application.consumer._new_consumer_thread()
    made = thread._create_worker_consumer(application.transport)
    assert isinstance(thread, faust_app._Thread)
    assert isinstance(made, GroupConsumer)
    assert (made._group_id, made._group_instance_id) == ("test.tools", "tools-0")
    assert made._isolation_level == "read_committed"
    await made.stop()


def test_the_application_has_the_groups_name(application: faust.App) -> None:
    """Its offsets are kept under it."""
    assert application.conf.id == "test.tools"
    assert [str(url) for url in application.conf.broker] == ["kafka://one:9092", "kafka://two:9093"]


def test_nothing_is_written_to_disk(application: faust.App) -> None:
    """The container's file system is read-only."""
    with patch("pathlib.Path.mkdir") as made:
        application._create_directories()
    assert not made.called


def test_without_fausts_compiled_parts_it_does_not_start() -> None:
    """Its other stream iterator acknowledges records that it skips in a rebalance."""
    with patch.object(faust.streams, "_CStreamIterator", None), pytest.raises(RuntimeError, match="NO_CYTHON"):
        faust_app.make(ToolsSettings(), nothing, nothing)


async def test_a_cancelled_body_finishes_its_batch_first() -> None:
    """Faust acknowledges the batch when control leaves the body: so it must not leave before the work is done."""
    going_on = asyncio.Event()
    finished = []

    async def work() -> None:
        await going_on.wait()
        finished.append(True)

    body = asyncio.create_task(faust_app.unbroken(work()))
    await asyncio.sleep(0)
    for _ in range(3):
        body.cancel()
        await asyncio.sleep(0.01)
        assert not body.done()
    going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await body
    assert finished == [True]


def test_a_handler_that_raises_ends_the_process_before_anything_is_acknowledged() -> None:
    script = """
import asyncio
from services.tools import faust_app

async def work():
    raise ZeroDivisionError("planted")

async def body():
    try:
        await faust_app.unbroken(work())
    finally:
        print("control left the body")

asyncio.run(body())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == faust_app.BROKEN
    assert "control left the body" not in done.stdout
    assert "planted" in done.stdout + done.stderr


def test_a_stop_that_takes_too_long_ends_the_process_and_is_no_crash() -> None:
    """Kafka is away: what it has not committed is done again by whoever comes next, and nobody is paged for a stop."""
    script = """
import asyncio
from services.tools import faust_app

class App:
    async def stop(self):
        await asyncio.Event().wait()

asyncio.run(faust_app.leave(App(), 0.1))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert "drain.expired" in done.stdout + done.stderr


async def test_a_partition_that_begins_anew_is_read_though_faust_knows_later_offsets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would pass over what lies before the last offset. Of one that does not begin anew nothing is forgotten."""
    anew, other = TopicPartition("t", 0), TopicPartition("t", 1)
    kept = ("_gap", "_acked", "_acked_index", "_read_offset", "_committed_offset")

    async def theirs(_self: object, _timeout: float) -> AsyncIterator[tuple[TopicPartition, SimpleNamespace]]:
        for partition, offset in ((anew, 31), (anew, 0), (other, 0), (anew, 1)):
            yield partition, SimpleNamespace(offset=offset)

    monkeypatch.setattr(driver.Consumer, "getmany", theirs)
    consumer = object.__new__(faust_app._Consumer)
    consumer.handled = HandledOffsets()
    consumer.handled.begins(other, 30)
    for name in kept:
        setattr(consumer, name, defaultdict(lambda: None, {anew: 30, other: 30}))
    fetcher = SimpleNamespace(begun_anew={anew})
    consumer._thread = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(_fetcher=fetcher))
    seen = [(partition, message.offset) async for partition, message in consumer.getmany(1.0)]
    assert seen == [(anew, 31), (anew, 0), (other, 0), (anew, 1)]
    assert fetcher.begun_anew == set()
    for name in kept:
        assert getattr(consumer, name)[anew] is None
        assert getattr(consumer, name)[other] == 30


class Reads:
    """A consumer that notes where it is sent back to; Kafka has all from `earliest` on."""

    def __init__(self, earliest: int = 0) -> None:
        self.handled = HandledOffsets()
        self.handled.begins(PLACE, 326)
        self.earliest = earliest
        self.back: list[int] = []

    async def go_back(self, partition: TopicPartition) -> None:
        """As the real one."""
        await faust_app._Consumer.go_back(cast("Any", self), partition)

    def assignment(self) -> set[TopicPartition]:
        """What this process has."""
        return {PLACE}

    async def earliest_offsets(self, partition: TopicPartition) -> dict[TopicPartition, int]:
        """What Kafka still has."""
        return {partition: self.earliest}

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read from there."""
        assert partition == PLACE
        self.back.append(offset)

    async def taken(self, *offsets: int) -> list[int]:
        """The offsets of which the handler is told, of a batch."""
        told: list[int] = []

        async def handler(records: Sequence[ConsumedRecord]) -> None:
            told.extend(record.offset for record in records)

        messages = [
            SimpleNamespace(tp=PLACE, topic="t", partition=0, offset=one, key=b"", value=b"{}", headers=())
            for one in offsets
        ]
        await faust_app._taken(cast("Any", self), EVENTS, messages, handler)
        return told

    def commits(self) -> int | None:
        """What faust would commit now, whatever its streams acknowledged."""
        consumer = object.__new__(faust_app._Consumer)
        consumer.handled = self.handled
        consumer._acked, consumer._acked_index = {PLACE: [327, 328]}, {PLACE: {327, 328}}
        committed: int | None = consumer._new_offset(PLACE)
        assert consumer._acked == {PLACE: []}
        return committed


async def test_a_record_that_got_lost_on_the_way_is_read_again_and_nothing_is_committed_past_it() -> None:
    """Faust commits past one missing record: `min(acked) - committed > 1` is its only doubt."""
    reads = Reads()
    assert await reads.taken(327, 328) == []
    assert (reads.back, reads.commits()) == ([326], 326)
    assert await reads.taken(326, 327, 328) == [326, 327, 328]
    assert (reads.back, reads.commits()) == ([326], 329)


async def test_what_comes_twice_is_handled_once_and_what_retention_took_is_passed_over() -> None:
    reads = Reads(earliest=400)
    assert await reads.taken(326, 327) == [326, 327]
    assert await reads.taken(326, 327, 328) == [328]
    assert await reads.taken(400, 401) == []
    assert reads.back == [400]
    assert await reads.taken(400, 401) == [400, 401]
    assert reads.commits() == 402


async def test_what_faust_takes_for_read_and_nobody_handled_is_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It drops without a word what lies before the offset that it read last."""

    async def theirs(_self: object, _timeout: float) -> AsyncIterator[tuple[TopicPartition, SimpleNamespace]]:
        for offset in (325, 326):
            yield PLACE, SimpleNamespace(offset=offset)

    monkeypatch.setattr(driver.Consumer, "getmany", theirs)
    consumer = object.__new__(faust_app._Consumer)
    consumer.handled = Reads().handled
    consumer._read_offset = defaultdict(lambda: None, {PLACE: 340})
    consumer._thread = SimpleNamespace(
        _ensure_consumer=lambda: SimpleNamespace(_fetcher=SimpleNamespace(begun_anew=set()))
    )
    seen = [(message.offset, consumer._read_offset[PLACE]) async for _, message in consumer.getmany(1.0)]
    assert seen == [(325, 340), (326, None)]


def test_faust_keeps_account_of_offsets_under_the_names_that_we_clear() -> None:
    """When one is gone, look at how faust passes over what it has read."""
    made = inspect.getsource(faust.transport.consumer.Consumer)
    for name in ("_gap", "_acked", "_acked_index", "_read_offset", "_committed_offset"):
        assert f"self.{name} = defaultdict(" in made
    assert "offset >= r_offset" in made


async def test_what_does_not_start_is_waited_for_and_leaves_nothing() -> None:
    """Kafka that goes away while a process starts is no reason to end: it is tried again, with a new application."""
    settings = ToolsSettings(kafka_bootstrap="127.0.0.1:1", topic_prefix="away.", instance_id="tools-0")
    before = asyncio.all_tasks()
    for _ in range(2):
        with pytest.raises(KafkaConnectionError) as raised:
            await faust_app.started(settings, nothing, nothing)
        assert curable(raised.value)
        assert asyncio.all_tasks() == before


async def _after(event: asyncio.Event, told: list[str]) -> str:
    """A record that goes into a buffer: it waits where that is full."""
    try:
        await event.wait()
    except asyncio.CancelledError:
        told.append("cancelled")
        raise
    return "put"


@pytest.fixture
async def consumer(application: faust.App) -> Any:
    """The consumer, not started."""
    application.transport.loop = asyncio.get_running_loop()
    return application.transport.create_consumer(
        nothing,
        on_partitions_revoked=nothing,
        on_partitions_assigned=nothing,
    )


async def test_what_has_room_at_once_makes_no_task(consumer: Any) -> None:
    room, suspended = asyncio.Event(), asyncio.Event()
    room.set()
    before = asyncio.all_tasks()
    waits = _after(room, []), suspended.wait()
    result = await consumer.wait_first(*waits)
    assert (result.done, result.results, result.stopped) == ([waits[0]], ["put"], False)
    assert asyncio.all_tasks() == before
    with pytest.raises(RuntimeError, match="cannot reuse"):  # closed, so that nothing warns of it
        await waits[1]


@pytest.mark.parametrize("ends", ["room", "suspended", "stopped"])
async def test_what_has_no_room_waits_as_with_faust(consumer: Any, ends: str) -> None:
    room, suspended, told = asyncio.Event(), asyncio.Event(), list[str]()
    waiting = asyncio.create_task(consumer.wait_first(_after(room, told), suspended.wait()))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    {"room": room.set, "suspended": suspended.set, "stopped": consumer._stopped.set}[ends]()
    result = await asyncio.wait_for(waiting, 5)
    await asyncio.sleep(0)
    assert result.stopped == (ends == "stopped")
    assert result.results == {"room": ["put"], "suspended": [True], "stopped": []}[ends]
    assert told == ([] if ends == "room" else ["cancelled"])


async def test_what_a_record_raises_is_raised(consumer: Any) -> None:
    async def at_once() -> None:
        raise KeyError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    for broken in (at_once, later):
        with pytest.raises(KeyError):
            await consumer.wait_first(broken(), asyncio.Event().wait())
