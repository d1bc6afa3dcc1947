"""Long waits for another attempt are spent in PostgreSQL: in order, across restarts, and nobody else waits."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import orjson
import pytest
from aiokafka import ConsumerRecord
from prometheus_client import REGISTRY

from contracts.actions import ActionRequest, Retry
from contracts.topics import HISTORY
from services.actions.queue import oldest_parked
from services.runtime import database
from tests.support.actions import Kafka, kafka, request, worker
from tests.support.closum import Closum, closum

SICK = "+351911111111"
RETRY = Retry(attempts=20, within_seconds=600)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


async def parked(database: str) -> int:
    """How many requests wait in PostgreSQL."""
    connection = await asyncpg.connect(database)
    try:
        found: int = await connection.fetchval("select count(*) from parked")
        return found
    finally:
        await connection.close()


async def until_parked(database: str, count: int) -> None:
    """Wait for so many."""
    end = time.monotonic() + 30
    while (found := await parked(database)) != count:
        assert time.monotonic() < end, f"{found} are parked, {count} should be"
        await asyncio.sleep(0.05)


def order(stand_in: Closum) -> dict[str, list[int]]:
    """Numbers of the requests that had their effect, by contact."""
    seen: dict[str, list[int]] = defaultdict(list)
    for effect in stand_in.state("effects"):
        seen[effect["subject"]].append(effect["body"]["n"])
    return seen


def mine(number: int, subject: str) -> ActionRequest:
    """A request that is tried for long."""
    return request(number, subject, retry=RETRY, last=True)


async def all_ended(topics: Kafka, count: int) -> None:
    """Wait for the ends of so many runs. After a kill an end may be told twice."""

    def runs(found: Sequence[ConsumerRecord]) -> set[str]:
        return {orjson.loads(record.value or b"{}")["run_id"] for record in found}

    await topics.take(HISTORY, lambda found: len(runs(found)) >= count, 60)


async def test_a_long_wait_keeps_its_lane_in_order_also_through_a_kill(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Ten requests of a contact whose first is to come back later; more come while the worker is dead, and after."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="status", status=429, retry_after=8, contains=f'{SICK}","n":0', times=1)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database, FLOWS_PARK_SECONDS="1") as one:
            one.start()
            await topics.put([mine(number, SICK) for number in range(5)])
            await topics.put([mine(number, f"+3519222{number:05d}") for number in range(100, 200)])
            await all_ended(topics, 100)  # nobody else waits
            await until_parked(own_database, 5)
            one.kill()
            await topics.put([mine(number, SICK) for number in range(5, 8)])
            one.start()
            await until_parked(own_database, 8)
            await topics.put([mine(number, SICK) for number in range(8, 60)])
            await all_ended(topics, 160)
            await until_parked(own_database, 0)
            # The lane is as any other again.
            await topics.put([mine(number, SICK) for number in range(60, 65)])
            await all_ended(topics, 165)
            assert one.stop() == 0
    assert order(stand_in)[SICK] == list(range(65))


async def test_a_lane_can_be_parked_again_and_again(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Several of its requests have to wait long, one after the other."""
    stand_in.reset()
    for number, times in ((0, 2), (3, 1), (4, 1)):
        contains = f'"n":{number}}}'
        stand_in.fault(path="/crm/*", kind="status", status=503, retry_after=1, contains=contains, times=times)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database, FLOWS_PARK_SECONDS="0.5") as one:
            one.start()
            await topics.put([mine(number, SICK) for number in range(30)])
            await all_ended(topics, 30)
            await until_parked(own_database, 0)
            assert one.stop() == 0
    assert order(stand_in)[SICK] == list(range(30))


async def test_the_bound_on_parked_requests_pauses(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Nothing more is taken from Kafka until there is room; the worker is alive meanwhile, and all are done."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="status", status=503, retry_after=3, times=60)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(
            topics,
            tmp_path,
            stand_in.url,
            own_database,
            FLOWS_PARK_SECONDS="0.5",
            FLOWS_MAX_PARKED="50",
            FLOWS_STALL_SECONDS="2",
        ) as one:
            await topics.put([mine(number, f"+3519333{number:05d}") for number in range(400)])
            one.start()
            await all_ended(topics, 400)
            await until_parked(own_database, 0)
            assert one.stop() == 0
    assert len(order(stand_in)) == 400


async def test_the_oldest_that_waits_is_told(own_database: str) -> None:
    """In seconds, and none when nothing waits."""
    pool = await database.connect(own_database)
    try:
        assert await oldest_parked.look(pool) == 0
        for minutes in (1, 10, 3):
            await pool.execute(
                "insert into parked values "
                "('p', 'l', $1::int, now(), 1, now() - $1::int * interval '1 minute', null, '', '')",
                minutes,
            )
        assert 600 <= await oldest_parked.look(pool) < 660
        assert (REGISTRY.get_sample_value("flows_parked_oldest_seconds") or 0) >= 600
    finally:
        await pool.close()
