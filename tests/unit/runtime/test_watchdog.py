"""Alive but not consuming is found, and nothing else is taken for it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Collection
from unittest.mock import patch

from aiokafka.errors import KafkaConnectionError
from prometheus_client import REGISTRY

from services.runtime import watchdog
from services.runtime.health import Health
from services.runtime.kafka.group_offsets import PartitionProgress, TopicAndPartition
from services.runtime.watchdog import Watchdog

HERE: TopicAndPartition = ("events", 0)
SECONDS = 30.0


class Kafka:
    """What Kafka would say."""

    def __init__(self, progress: dict[TopicAndPartition, PartitionProgress] | None = None) -> None:
        self.seen = progress or {}
        self.away = False

    async def progress(self, partitions: Collection[TopicAndPartition]) -> dict[TopicAndPartition, PartitionProgress]:
        """Of the asked partitions."""
        if self.away:
            raise KafkaConnectionError("planted")
        return {place: one for place, one in self.seen.items() if place in partitions}


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


async def fuses(kafka: Kafka, *passing: float, moves_at: int = -1) -> list[float | None]:
    """How long the fuse is after each look, None where it was not laid anew; so many seconds pass before each look."""
    clock = Clock()
    laid: list[float] = []
    found: list[float | None] = []
    with patch.object(watchdog, "time", clock):
        dog = Watchdog(kafka, lambda: {HERE}, Health(), SECONDS, light=laid.append)
        for number, seconds in enumerate(passing):
            clock.now += seconds
            if number == moves_at:
                dog.moved()
            laid.clear()
            await dog.look()
            found.append(laid[0] if laid else None)
    return found


async def test_records_that_wait_without_progress_burn_the_fuse_down() -> None:
    """The fuse always ends at the same moment; then it is not laid anew."""
    assert await fuses(Kafka({HERE: PartitionProgress(5, 9)}), 0, 10, 10, 9, 2) == [35.0, 25.0, 15.0, 6.0, None]


async def test_progress_lays_it_anew() -> None:
    assert await fuses(Kafka({HERE: PartitionProgress(5, 9)}), 0, 29, 29, moves_at=2) == [35.0, 6.0, 35.0]


async def test_nothing_waiting_is_no_stall() -> None:
    assert await fuses(Kafka({HERE: PartitionProgress(9, 9)}), 100, 100) == [35.0, 35.0]


async def test_partitions_of_others_do_not_count() -> None:
    assert await fuses(Kafka({("events", 1): PartitionProgress(5, 9)}), 100, 100) == [35.0, 35.0]


async def test_kafka_away_is_no_stall() -> None:
    """Waiting is right then; a new process would do no better."""
    kafka = Kafka({HERE: PartitionProgress(5, 9)})
    kafka.away = True
    assert await fuses(kafka, 100, 100) == [35.0, 35.0]


async def test_lag_is_shown_for_the_partitions_that_this_process_has() -> None:
    """And no longer when another one has them. The topic is called by its logical name, as in every metric."""
    there = ("closum.events", 0)
    mine = {there}
    dog = Watchdog(Kafka({there: PartitionProgress(5, 9)}), lambda: mine, Health(), SECONDS, light=lambda _: None)
    labels = {"topic": "events", "partition": "0"}
    await dog.look()
    assert REGISTRY.get_sample_value("flows_lag_records", labels) == 4
    mine.clear()
    await dog.look()
    assert REGISTRY.get_sample_value("flows_lag_records", labels) is None


async def test_a_turn_is_told_to_health() -> None:
    health = Health()
    health._last_turn -= 100
    Watchdog(Kafka(), set, health, SECONDS).moved()
    assert health.seconds_since_turn < 1


PROCESS = """
import asyncio, sys, time
from services.runtime.health import Health
from services.runtime.watchdog import Watchdog

class Kafka:
    async def progress(self, partitions):
        from services.runtime.kafka.group_offsets import PartitionProgress
        return {one: PartitionProgress(0, 1) for one in partitions}

async def main():
    dog = Watchdog(Kafka(), lambda: {("events", 0)}, Health(), 0.5)
    watching = asyncio.create_task(dog.run())
    if sys.argv[1] == "blocked":
        await asyncio.sleep(0.1)
        time.sleep(30)
    async def waiting_for_ever():
        await asyncio.Event().wait()
    await waiting_for_ever()

asyncio.run(main())
"""


def ended(how: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A process with a watchdog of half a second that stalls."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROCESS), how], capture_output=True, text=True, timeout=30, check=False
    )
    return done, time.monotonic() - began


def test_a_stalled_process_shows_its_stacks_and_ends() -> None:
    done, seconds = ended("stalled")
    assert done.returncode != 0
    assert "Timeout" in done.stderr
    assert "most recent call first" in done.stderr
    assert seconds < 20


def test_a_blocked_event_loop_shows_where_and_ends() -> None:
    done, seconds = ended("blocked")
    assert done.returncode != 0
    assert "in main" in done.stderr
    assert seconds < 20
