"""What a destination bears, over several workers: requests a second, calls at once, pauses; and who waits for whom."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from tests.support.actions import Kafka, kafka
from tests.support.limited import of_flow, until, workers
from tests.support.recorder import Recorder, recorder


async def test_a_limit_holds_over_workers_and_flows(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """50 a second over 3 workers and 4 flows. A busy machine makes calls late, never early: so the whole is timed.

    `python -m tests.bench.limits` looks at every window of a second, and at what is used of the 50.
    """
    async with kafka(kafka_bootstrap, topic_prefix, partitions=12) as topics:
        with recorder() as destination, ExitStack() as around:
            everyone = workers(
                around,
                topics,
                tmp_path,
                destination.url,
                own_database,
                count=3,
                limits="{ requests_per_second: 50 }",
            )
            for one in everyone:
                await one.says("partitions.assigned")
            await topics.put([of_flow(number, f"flow-{number % 4}") for number in range(300)])
            await until(lambda: len(destination.seen) >= 250)
    took = destination.seen[249][0] - destination.seen[0][0]
    assert took >= (250 - 55) / 50


@pytest.mark.parametrize(("limits", "most"), [("{}", 5_000), ("{ requests_per_second: 100 }", 1_000)])
async def test_one_request_does_not_wait_for_another_flows_campaign(  # noqa: PLR0917 - fixtures
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str, limits: str, most: int
) -> None:
    """10,000 requests of one flow, limited or not: a single one that lies behind them overtakes most of them.

    Alone on two cores it is there within 2 seconds. On a busy machine that is longer, but no more go before it.
    """
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder() as destination, ExitStack() as around:
            (one,) = workers(around, topics, tmp_path, destination.url, own_database, count=1, limits=limits)
            await one.says("partitions.assigned")
            await topics.put([of_flow(number, "campaign") for number in range(10_000)])
            assert await _gone_before(topics, destination, 99_999) < most


async def test_a_campaign_of_minutes_waits_in_postgresql(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """So that Kafka's offsets go on, and memory is left to others: a single request passes it too."""
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder() as destination, ExitStack() as around:
            limits = "{ requests_per_second: 20 }"
            (one,) = workers(around, topics, tmp_path, destination.url, own_database, count=1, limits=limits)
            await one.says("partitions.assigned")
            connection = await asyncpg.connect(own_database)
            number, end = 0, time.monotonic() + 30
            while await connection.fetchval("select count(*) from parked") < 200:
                assert time.monotonic() < end
                await topics.put([of_flow(number + more, "campaign") for more in range(1_000)])
                number += 1_000
                await asyncio.sleep(0.5)
            await connection.close()
            assert await _gone_before(topics, destination, 99_999) < 20 * 10


async def _gone_before(topics: Kafka, destination: Recorder, number: int) -> int:
    """How many requests were made between the moment in which a lead was put on the topic, and its own."""
    before = len(destination.seen)
    await topics.put([of_flow(number, "lead")])
    await until(lambda: any(body["n"] == number for _, body in destination.seen[before:]), 30)
    return next(place for place, (_, body) in enumerate(destination.seen[before:]) if body["n"] == number)


async def test_calls_at_once_are_bounded_over_workers(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """Eight at once over two workers."""
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(Recorder(seconds=0.02)) as destination, ExitStack() as around:
            everyone = workers(
                around, topics, tmp_path, destination.url, own_database, count=2, limits="{ concurrency: 8 }"
            )
            for one in everyone:
                await one.says("partitions.assigned")
            await asyncio.sleep(2)  # a worker looks once a second how many there are; nothing tells that it has
            await topics.put([of_flow(number, "flow") for number in range(400)])
            await until(lambda: len(destination.seen) == 400)
    assert 4 <= destination.most_at_once <= 8


async def test_a_storm_of_429_is_waited_out(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """While all are told to come later, few try; afterwards all are done."""
    calm_at = time.monotonic() + 1e9
    storm = Recorder(answer=lambda _: (429, 1.0) if time.monotonic() < calm_at else (201, None))
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(storm) as destination, ExitStack() as around:
            workers(around, topics, tmp_path, destination.url, own_database, count=1)
            await topics.put([of_flow(number, "flow") for number in range(500)])
            await until(lambda: len(destination.seen) > 100)
            begun = time.monotonic()
            calm_at = begun + 5
            await until(lambda: time.monotonic() > calm_at)
            stormy = [moment for moment, _ in destination.seen if begun + 2 < moment < calm_at]
            assert len(stormy) < 100  # without a pause it would be thousands
            await until(lambda: len({body["n"] for _, body in destination.seen if _ > calm_at}) == 500)


async def test_a_destination_that_says_that_nothing_is_left_is_left_alone_by_all(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """RateLimit says so in an answer to one of two workers: both wait until its reset, then all is done."""
    spent: list[float] = []

    def more() -> dict[str, str]:
        if len(seen.seen) >= 50 and not spent:
            spent.append(time.monotonic())
            return {"RateLimit": '"default";r=0;t=6', "RateLimit-Policy": '"default";q=100;w=60'}
        return {"RateLimit": '"default";r=7;t=6'}

    seen = Recorder(seconds=0.05, more=more)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(seen) as destination, ExitStack() as around:
            limits = "{ concurrency: 8 }"
            everyone = workers(around, topics, tmp_path, destination.url, own_database, count=2, limits=limits)
            for one in everyone:
                await one.says("partitions.assigned")
            await topics.put([of_flow(number, "flow") for number in range(300)])
            await until(lambda: len({body["n"] for _, body in destination.seen}) == 300)
            logs = [one.logged() for one in everyone]
    # A worker looks once a second what the other was told; the rest is for a busy machine.
    assert [moment - spent[0] for moment, _ in destination.seen if 3 < moment - spent[0] < 5.9] == []
    assert sum("connection.paused" in log for log in logs) == 1


async def test_a_breaker_opens_tries_one_call_and_closes(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """A destination that only fails is left alone but for single calls; when it is well again, all are done."""
    ill = True
    sick = Recorder(answer=lambda _: (500, None) if ill else (201, None))
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(sick) as destination, ExitStack() as around:
            (one,) = workers(around, topics, tmp_path, destination.url, own_database, count=1)
            await topics.put([of_flow(number, "flow") for number in range(600)])
            await one.says("breaker.opened")
            await asyncio.sleep(0.5)  # what was at work comes to its end
            count = len(destination.seen)
            assert count < 450
            await until(lambda: one.logged().count("breaker.opened") >= 2)
            assert len(destination.seen) <= count + 2
            ill = False
            await one.says("breaker.closed")
            await until(lambda: len(destination.seen) >= 600 + count)
