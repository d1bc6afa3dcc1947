"""What every consumer of ours reads, whatever others do to the topics: any codec, only what is whole and committed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from aiokafka import ConsumerRecord
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS, ACTIONS_DLQ, EVENTS, RUNS
from deploy.local import KafkaServer
from services.runtime import kafka
from services.runtime.kafka import topic_reading
from services.runtime.kafka.group_consumer import GroupConsumer
from services.runtime.kafka.group_offsets import GroupOffsets, PartitionProgress
from services.runtime.kafka.offset_gaps import Gap
from services.runtime.settings import RuntimeSettings
from tests.support import actions
from tests.support.closum import closum
from tests.support.strangers import BREAKS, add_partitions, broken_batch, delete_records, lost, transaction
from tests.support.tools_process import send

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture
async def settings(kafka_bootstrap: str, topic_prefix: str) -> RuntimeSettings:
    """Settings of a test's own topics, which are there, with one partition each."""
    made = RuntimeSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=1)
    await kafka.make_topics(made)
    return made


async def take(consumer: GroupConsumer, last: int, seconds: float = 30) -> list[ConsumerRecord]:
    """All records up to an offset."""
    found: list[ConsumerRecord] = []
    async with asyncio.timeout(seconds):
        while not found or found[-1].offset < last:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += records
    return found


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_is_read(settings: RuntimeSettings, codec: str) -> None:
    """As librdkafka, the library of most producers, writes it, on each topic that we consume."""
    names = [topic.under(settings.topic_prefix) for topic in (EVENTS, RUNS, ACTIONS)]
    stranger = confluent_kafka.Producer(
        {"bootstrap.servers": settings.kafka_bootstrap, "compression.type": codec, "linger.ms": 50}
    )
    for name in names:
        for number in range(50):
            stranger.produce(name, value=b"%d " % number * 50, key=b"k")
    assert stranger.flush(20) == 0
    consumer = kafka.consumer(settings, "group")
    await consumer.start()
    consumer.subscribe(names)
    found: dict[str, list[bytes]] = {name: [] for name in names}
    try:
        async with asyncio.timeout(30):
            while sum(map(len, found.values())) < 150:
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[place.topic] += [record.value for record in records]
    finally:
        await consumer.stop()
    assert all(values == [b"%d " % number * 50 for number in range(50)] for values in found.values())


@pytest.mark.parametrize("how", BREAKS)
async def test_a_broken_batch_is_told_of_and_passed(kafka_server: KafkaServer, topic_prefix: str, how: str) -> None:
    """Whatever of it is broken: nothing of it is believed, and the records behind it come, each once."""
    settings = RuntimeSettings(kafka_bootstrap=kafka_server.bootstrap, topic_prefix=topic_prefix, topic_partitions=1)
    await kafka.make_topics(settings, [EVENTS])
    for number in range(5):
        await send(settings, [b"%d" % number * 40] * 3)
    with broken_batch(kafka_server, EVENTS.under(topic_prefix), 6, how):
        consumer = kafka.consumer(settings, "group")
        await consumer.start()
        consumer.subscribe([EVENTS.under(topic_prefix)])
        try:
            found = await take(consumer, 14)
        finally:
            await consumer.stop()
        assert [one.offset for one in found] == [*range(6), 8, *range(9, 15)]
        gap = found[6].value
        assert isinstance(gap, Gap)
        assert gap.first == 6
        assert gap.cause
        shown = [one.offset async for one in topic_reading.read(settings, EVENTS)]
        assert shown == [*range(6), *range(9, 15)]


async def test_what_was_lost_is_told_once_however_often_reading_begins_before_it(settings: RuntimeSettings) -> None:
    """Until a commit each rebalance, and faust at its start, goes back to the committed offset; more is told alone."""
    await send(settings, [b"x"] * 20)
    await delete_records(settings, EVENTS, 13)
    consumer = kafka.consumer(settings, "group")
    await consumer.start()
    before = lost("events", 0)
    try:
        with capture_logs() as lines:
            consumer.subscribe([EVENTS.under(settings.topic_prefix)])
            assert (await take(consumer, 19))[0].offset == 13
            (place,) = consumer.assignment()
            for already in (0, 5):
                consumer.seek(place, already)
                assert (await take(consumer, 19))[0].offset == 13
            await delete_records(settings, EVENTS, 16)
            consumer.seek(place, 3)
            assert (await take(consumer, 19))[0].offset == 16
    finally:
        await consumer.stop()
    told = [(one["first"], one["last"], one["records"]) for one in lines if one["event"] == "records.lost"]
    assert told == [(0, 12, 13), (13, 15, 3)]
    assert lost("events", 0) - before == 16


async def test_who_reads_for_a_person_reads_what_was_committed(settings: RuntimeSettings) -> None:
    await transaction(settings, EVENTS, [b"no"], abort=True)
    await transaction(settings, EVENTS, [b"yes"])
    async with asyncio.timeout(30):  # a commit is answered before its marks are written
        while not (found := [one.value async for one in topic_reading.read(settings, EVENTS)]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert found == [b"yes"]


async def test_actions_passes_what_nobody_can_read_and_calls_only_what_was_committed(
    kafka_server: KafkaServer, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """In one partition: a broken batch, an aborted request, what retention took unread, added partitions; no lag."""
    with closum() as stand_in:
        async with actions.kafka(kafka_server.bootstrap, topic_prefix, partitions=1) as topics:
            for number in range(4):
                await topics.put([actions.request(number, last=True)])
            await transaction(topics.settings, ACTIONS, [actions.request(8, last=True).to_bytes()], abort=True)
            with (
                broken_batch(kafka_server, ACTIONS.under(topic_prefix), 2, "codec"),
                actions.worker(topics, tmp_path, stand_in.url, own_database, FLOWS_STALL_SECONDS="5") as worker,
            ):
                worker.start()
                (dead,) = await topics.take(ACTIONS_DLQ, lambda found: len(found) == 1)
                await _until(topics.settings, PartitionProgress(6, 6))
                assert worker.stop() == 0
                await topics.put([actions.request(number, last=True) for number in range(10, 14)])
                await delete_records(topics.settings, ACTIONS, 8)
                worker.start()
                await worker.says('"records.lost"')
                await add_partitions(topics.settings, ACTIONS, 2)
                await topics.producer.renew(topics.producer.generation)  # which knows of the new one
                await topics.put([actions.request(number, f"+35191{number:07}", last=True) for number in range(20, 30)])
                async with asyncio.timeout(30):
                    while len(stand_in.state("effects")) < 3 + 2 + 10:  # noqa: ASYNC110 - it has no event
                        await asyncio.sleep(0.1)
                await _until(topics.settings, None)
                assert worker.stop() == 0
            made = {effect["key"] for effect in stand_in.state("effects")}
    letter = DeadLetter.from_headers(dead.headers)
    assert (letter.first_offset, letter.offset, letter.code) == (2, 2, ErrorCode.RECORD_UNREADABLE)
    wanted = [0, 1, 3, 12, 13, *range(20, 30)]
    assert made == {actions.request(number).effect_id for number in wanted}
    assert '"progress.missing"' not in worker.logged()
    (lost,) = [line for line in worker.logged().splitlines() if '"records.lost"' in line]
    assert '"first":6,"last":7' in lost


async def _until(settings: RuntimeSettings, wanted: PartitionProgress | None) -> None:
    """Until the group stands so; None: without lag anywhere."""
    offsets = GroupOffsets(settings, "actions")
    try:
        async with asyncio.timeout(30):
            while True:
                seen = await offsets.of([ACTIONS.under(settings.topic_prefix)])
                if all(one == wanted if wanted else not one.lag for one in seen.values()):
                    return
                await asyncio.sleep(0.1)
    finally:
        await offsets.close()


async def test_two_processes_with_one_instance_id_are_told_apart(settings: RuntimeSettings) -> None:
    """One of them says so and goes on without the id. Both stay in the group; they do not throw each other out."""
    named = settings.model_copy(update={"instance_id": "actions-0"})
    members = [kafka.consumer(named, "same-id") for _ in range(2)]
    topics = [topic.under(settings.topic_prefix) for topic in (ACTIONS, RUNS)]  # of one partition each
    with capture_logs() as logged:
        for member in members:
            member.subscribe(topics)
            await member.start()
        async with asyncio.timeout(60):
            while sum(bool(member.assignment()) for member in members) < 2 or not _replaced(logged):
                for member in members:
                    await member.getmany(timeout_ms=100)
    for member in members:
        await member.stop()
    (told,) = _replaced(logged)
    assert (told["log_level"], told["instance_id"], told["by_host"]) == ("error", "actions-0", "127.0.0.1")
    assert "FLOWS_INSTANCE_ID" in told["remedy"]


def _replaced(logged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [dict(one) for one in logged if one["event"] == "member.replaced"]
