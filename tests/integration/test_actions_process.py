"""services/actions as processes: killed, stopped, joined by another, without Kafka. Nothing is lost, order is kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord

from contracts.actions import ActionRequest
from contracts.runs import HistoryRecord
from contracts.topics import ACTIONS, HISTORY
from deploy.local import KafkaServer
from services.runtime.kafka import Producer
from services.runtime.kafka.group_offsets import GroupOffsets
from services.runtime.settings import RuntimeSettings, load
from tests.support.actions import Kafka, kafka, request, worker
from tests.support.closum import Closum, closum

SUBJECTS = 50


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


def batch(count: int) -> list[ActionRequest]:
    """So many requests for 50 contacts, in order for each."""
    return [request(number, f"+3519100{number % SUBJECTS:05d}", last=True) for number in range(count)]


def assert_effects_in_order(stand_in: Closum, requests: list[ActionRequest]) -> None:
    """Each effect is there once, and per contact in the order of the requests."""
    seen: dict[str, list[str]] = defaultdict(list)
    for effect in stand_in.state("effects"):
        seen[effect["subject"]].append(effect["key"])
    wanted: dict[str, list[str]] = defaultdict(list)
    for one in requests:
        wanted[one.run.key].append(one.effect_id)
    assert seen == wanted


async def all_ended(kafka: Kafka, requests: list[ActionRequest], seconds: float = 60) -> None:
    """Wait until history holds the end of every run."""
    missing = {one.run.id for one in requests}
    read = 0

    def enough(found: list[ConsumerRecord]) -> bool:
        nonlocal read
        for record in found[read:]:
            missing.discard(HistoryRecord.model_validate_json(record.value).run_id)
        read = len(found)
        return not missing

    await kafka.take(HISTORY, enough, seconds)


async def lag(kafka: Kafka) -> int:
    """Records behind the committed offsets."""
    offsets = GroupOffsets(kafka.settings, "actions")
    try:
        topic = ACTIONS.under(kafka.settings.topic_prefix)
        progress = await offsets.progress([(topic, partition) for partition in range(4)])
    finally:
        await offsets.close()
    return sum(one.lag for one in progress.values())


async def test_a_killed_worker_loses_nothing(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """SIGKILL five times in the middle: every effect is there once (the calls are keyed), per contact in order."""
    stand_in.reset()
    requests = batch(2_400)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database) as one:
            await topics.put(requests)
            for _ in range(5):
                before = stand_in.state("received")
                one.start()
                await _called(stand_in, before + 250)
                one.kill()
            one.start()
            await all_ended(topics, requests)
            assert one.stop() == 0
            assert await lag(topics) == 0
    assert_effects_in_order(stand_in, requests)


async def test_a_stopped_worker_finishes_what_is_at_work(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """SIGTERM: calls at work end, what was done is committed, nothing is called twice, exit 0."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="slow", seconds=0.05)
    requests = batch(1_000)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database) as one:
            await topics.put(requests)
            one.start()
            await _called(stand_in, 300)
            assert one.stop() == 0
            assert '"finished":true' in one.logged()
            called = stand_in.state("received")
            assert called < len(requests)
            assert await lag(topics) > 0
            one.start()
            await all_ended(topics, requests)
            assert one.stop() == 0
            assert await lag(topics) == 0
    stand_in.heal()
    assert_effects_in_order(stand_in, requests)
    # Behind the first unfinished record some later ones were finished: only those are called again.
    assert stand_in.state("received") <= len(requests) + called


async def test_a_second_worker_takes_its_part(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """It joins and leaves under load: partitions move after what is at work is finished; each effect once, in order."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="slow", seconds=0.02)
    requests = batch(4_000)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with (
            worker(topics, tmp_path, stand_in.url, own_database, FLOWS_INSTANCE_ID="a") as first,
            worker(topics, tmp_path, stand_in.url, own_database, FLOWS_INSTANCE_ID="") as second,
        ):
            await topics.put(requests)
            first.start()
            await _called(stand_in, 200)
            second.start()
            await second.says("partitions.assigned")
            assert "partitions.revoked" in first.logged()
            await _called(stand_in, 1_000)
            assert second.stop() == 0
            await all_ended(topics, requests)
            assert first.stop() == 0
            assert await lag(topics) == 0
    stand_in.heal()
    assert_effects_in_order(stand_in, requests)


async def test_memory_is_bounded(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """With a destination that hangs, partitions are paused, and the worker is alive and ready all the while."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="hang", times=20)
    requests = batch(1_000)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(
            topics,
            tmp_path,
            stand_in.url,
            own_database,
            FLOWS_MAX_PENDING="300",
            FLOWS_READ_AHEAD_BYTES="0",
            FLOWS_MAX_CONCURRENCY="20",
            FLOWS_CALL_SECONDS="3",
        ) as one:
            await topics.put(requests)
            one.start()
            port = one.environ["FLOWS_HEALTH_PORT"]
            await _until(lambda: _metric(port, "flows_partitions_paused") > 0)
            assert _get(port, "livez") == _get(port, "readyz") == 200
            assert _metric(port, 'flows_records_consumed_total{topic="actions"}') <= 500
            await all_ended(topics, requests)
            await _until(lambda: _metric(port, "flows_lanes_open") == 0)
            assert _metric(port, "flows_partitions_paused") == 0
    stand_in.heal()


async def test_kafka_goes_away_and_comes_back(
    kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Killed in the middle, for longer than the watchdog's patience: not ready but alive, then everything is done."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="slow", seconds=0.05)
    requests = batch(1_500)
    async with kafka(kafka_server.bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database, FLOWS_STALL_SECONDS="4") as one:
            await topics.put(requests)
            one.start()
            await _called(stand_in, 500)
            port = one.environ["FLOWS_HEALTH_PORT"]
            await asyncio.to_thread(kafka_server.kill)
            try:
                await _until(lambda: _get(port, "readyz") == 503)
                gone = time.monotonic()
                await _until(lambda: _get(port, "livez") == 200 and time.monotonic() > gone + 5)
            finally:
                await asyncio.to_thread(kafka_server.start)
            await all_ended(topics, requests)
            assert one.stop() == 0
            assert await lag(topics) == 0
    stand_in.heal()
    assert_effects_in_order(stand_in, requests)


async def test_a_long_wait_for_a_retry_is_no_stall(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> None:
    """Nothing moves for longer than the watchdog's patience, and rightly: Retry-After says so."""
    stand_in.reset()
    stand_in.fault(path="/crm/*", kind="status", status=429, retry_after=5, times=1)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with worker(topics, tmp_path, stand_in.url, own_database, FLOWS_STALL_SECONDS="2") as one:
            one.start()
            await topics.put([request(1, last=True)])
            await all_ended(topics, [request(1)])
            assert one.stop() == 0


async def test_it_waits_for_kafka_and_can_be_stopped_meanwhile(topic_prefix: str, tmp_path: Path) -> None:
    """No broker: it says so, is alive but not ready, and SIGTERM ends it with 0."""
    settings = load(RuntimeSettings, {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "FLOWS_TOPIC_PREFIX": topic_prefix})
    with worker(
        Kafka(settings, Producer(settings)), tmp_path, "http://127.0.0.1:9", "postgresql://nobody@127.0.0.1:9/none"
    ) as one:
        one.start()
        await one.says("start.delayed")
        assert one.stop(10) == 0


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FLOWS_CONNECTIONS_FILE", "/nowhere.yaml", "FLOWS_CONNECTIONS_FILE='/nowhere.yaml': cannot be read"),
        ("FLOWS_EGRESS_ALLOW", "10.0.0.1/8", "FLOWS_EGRESS_ALLOW"),
        ("FLOWS_MAX_CONCURENCY", "3", "did you mean FLOWS_MAX_CONCURRENCY?"),
    ],
)
def test_a_wrong_setting_stops_the_start(name: str, value: str, told: str) -> None:
    """Exit 2, a plain text, no stack trace."""
    done = subprocess.run(
        [sys.executable, "-m", "services.actions"], env={name: value}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches() -> None:
    """What it does, and its settings."""
    done = subprocess.run(
        [sys.executable, "-m", "services.actions", "--help"], capture_output=True, text=True, check=True
    )
    for word in ("FLOWS_CONNECTIONS_FILE", "FLOWS_EGRESS_ALLOW", "[actions.dlq]"):
        assert word in done.stdout


async def _called(stand_in: Closum, count: int) -> None:
    await _until(lambda: stand_in.state("received") >= count)


async def _until(true: Callable[[], bool], seconds: float = 40) -> None:
    """Poll a question in a thread of its own, until its answer is yes."""
    until = time.monotonic() + seconds
    while not await asyncio.to_thread(_asked, true):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


def _asked(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except OSError:
        return False


def _get(port: str, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def _metric(port: str, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)
