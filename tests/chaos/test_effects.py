"""Each effect once, or visibly not: workers are killed, paused and cut off from PostgreSQL while they make calls.

The full runs: `python -m tests.bench.kills`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PostgresServer
from tests.support.actions import Worker, kafka, worker
from tests.support.closum import Closum, closum
from tests.support.mixed_effects import Story, folder, mixed


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


async def test_killed_workers_and_cut_connections(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Three SIGKILLs: at most once is never seen twice, the others all arrive, what is unknown was in flight.

    The destination has limits, and says 503 now and then, so that calls are parked.
    """
    stand_in.reset()
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        story = Story(topics, stand_in, own_database, mixed(2_400))
        story.faults(0.02)
        story.refusals(0.02, 1)
        limits = "{ requests_per_second: 500, concurrency: 100 }"
        with worker(topics, tmp_path, stand_in.url, own_database, limits, FLOWS_PARK_SECONDS="0.5") as one:
            await topics.put(story.requests)
            one.start()
            await story.kill_at_random([one], 3, random.Random(1))  # noqa: S311 - the same moments in every run
            await story.ended()
            assert one.stop() == 0
    stand_in.heal()
    states = await story.check()
    assert states["unknown"] > 0  # the cuts alone make some


async def test_postgresql_restarts(  # noqa: PLR0917 - fixtures
    postgres_server: PostgresServer,
    kafka_bootstrap: str,
    topic_prefix: str,
    tmp_path: Path,
    stand_in: Closum,
    own_database: str,
) -> None:
    """It is killed and started again under load: nothing is sent meanwhile, nothing is lost or doubled."""
    stand_in.reset()
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        story = Story(topics, stand_in, own_database, mixed(2_000))
        with worker(topics, tmp_path, stand_in.url, own_database) as one:
            await topics.put(story.requests)
            one.start()
            await story.received(500)
            await asyncio.to_thread(postgres_server.kill)
            await one.says("database.awaited")
            await asyncio.to_thread(postgres_server.start)
            await story.ended()
            assert one.stop() == 0
    states = await story.check()
    assert states == {"done": 2_000}


async def test_a_paused_worker_that_wakes_sends_nothing_of_what_it_lost(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """SIGSTOP beyond its session: others take over; when it goes on, its place is taken, and it knows."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="slow", seconds=0.05)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        story = Story(topics, stand_in, own_database, mixed(3_000))
        with (
            worker(topics, folder(tmp_path, "a"), stand_in.url, own_database, FLOWS_INSTANCE_ID="a") as zombie,
            worker(topics, folder(tmp_path, "b"), stand_in.url, own_database, FLOWS_INSTANCE_ID="b") as other,
        ):
            zombie.start()
            other.start()
            await zombie.says("partitions.assigned")
            await other.says("partitions.assigned")
            await topics.put(story.requests)
            await story.received(600)
            assert zombie.process is not None
            os.kill(zombie.process.pid, signal.SIGSTOP)
            story.kills.append(time.time())
            await _taken_over(other)
            os.kill(zombie.process.pid, signal.SIGCONT)
            await story.ended()
            assert zombie.stop() == 0
            assert other.stop() == 0
    stand_in.heal()
    await story.check()


async def _taken_over(other: Worker) -> None:
    logged = other.logged
    before = logged().count("partitions.assigned")
    until = time.monotonic() + 30
    while logged().count("partitions.assigned") == before:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
