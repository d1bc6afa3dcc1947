"""services/tools as a process, on real Kafka and PostgreSQL: events in, action requests out."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import orjson

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import Answer, Run, RunMessage
from contracts.topics import ACTIONS, EVENTS_DLQ, HISTORY, RUNS
from deploy.local import KafkaServer, PostgresServer
from services.runtime import kafka
from tests.support import batches
from tests.support.tools_process import all_of, event_id, free_port, out_of_order, read, send, stack, story


async def test_events_become_action_requests_and_everything_else_is_accounted_for(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Keys, order, filtered, duplicate and dead, in one stream; then SIGTERM ends it with code 0."""
    source = f"/hooks/{topic_prefix}"
    good = story(topic_prefix, 40)
    invalid = batches.event(100, source=source, data={"from": "12"})
    unwanted = batches.event(101, source=source, type="nobody.wants.this")
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.PHONE) as replica:
        replica.start()
        await replica.ready()
        await send(replica.settings, [*good, good[0], good[1], invalid, unwanted, b"\xff not json"])
        requests = await read(replica.settings, ACTIONS, all_of(40))
        history = await read(replica.settings, HISTORY, lambda found: len(found) >= 5)
        (dead,) = await read(replica.settings, EVENTS_DLQ, lambda found: len(found) >= 1)
        metrics = replica.get("/metrics")[1]
        assert replica.get("/livez")[0] == 200
        assert replica.stop() == 0, replica.log.read_text()

    assert len(requests) == 40
    assert out_of_order(requests) == []
    by_id = {event_id(one): one for one in requests}
    assert all(by_id[each.id].key == each.key for each in good)
    ends = sorted(orjson.loads(one.value)["outcome"] for one in history)
    assert ends == ["dead", "duplicate", "duplicate", "filtered", "filtered"]
    letter = DeadLetter.from_headers(dead.headers)
    assert dead.value == b"\xff not json"
    assert dead.key == b"default/contact-1"
    assert ("origin", b"elsewhere") in dead.headers
    assert (letter.topic, letter.code) == (f"{topic_prefix}events", ErrorCode.EVENT_INVALID)
    assert 'flows_records_consumed_total{topic="events"} 45.0' in metrics
    assert "Traceback" not in replica.log.read_text()


async def test_an_answer_on_runs_takes_a_run_on_and_a_flows_own_key_orders_it(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    own = batches.TWO_CALLS.replace("steps:", "key: ${ trigger.from }\nsteps:")
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, own) as replica:
        replica.start()
        await send(replica.settings, story(topic_prefix, 1))
        (first,) = await read(replica.settings, ACTIONS, all_of(1))
        request = orjson.loads(first.value)
        answer = Answer(effect_id=request["effect_id"], step=request["step"], outputs={"status": 201})
        message = RunMessage(run=Run.model_validate(request["run"]), answer=answer)
        await send(replica.settings, [message.to_bytes()], topic=RUNS)
        second = (await read(replica.settings, ACTIONS, lambda found: len(found) == 2))[1]
    assert first.key == second.key == b"default/+351 912 345 678"
    assert orjson.loads(second.value)["inputs"]["json"] == {"status": 201}
    assert orjson.loads(second.value)["last"] is True


async def test_five_sigkills_lose_nothing_and_keep_the_order_of_each_key(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """What is done twice is done under the same effect id."""
    count = 6000
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        replica.start()
        await replica.ready()
        sending = asyncio.create_task(send(replica.settings, story(topic_prefix, count)))
        for round_ in range(1, 6):
            await read(replica.settings, ACTIONS, all_of(round_ * count // 8))
            replica.kill()
            replica.start()
        requests = await read(replica.settings, ACTIONS, all_of(count))
        await sending
        assert replica.stop() == 0
    assert out_of_order(requests) == []
    effects = {event_id(one): set[str]() for one in requests}
    for one in requests:
        effects[event_id(one)].add(orjson.loads(one.value)["effect_id"])
    assert all(len(ids) == 1 for ids in effects.values())


async def test_workers_that_come_and_go_lose_nothing(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """A second replica joins and leaves in the middle: partitions change hands twice."""
    count = 6000
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        other = type(replica)(replica.settings.model_copy(update={"health_port": 0}), tmp_path)
        other.more = {"FLOWS_INSTANCE_ID": "", "FLOWS_HEALTH_PORT": str(free_port())}
        replica.more = {"FLOWS_INSTANCE_ID": ""}
        replica.start()
        await replica.ready()
        sending = asyncio.create_task(send(replica.settings, story(topic_prefix, count)))
        await read(replica.settings, ACTIONS, all_of(500))
        other.start()
        try:
            await read(replica.settings, ACTIONS, all_of(3000))
            await asyncio.to_thread(other.stop)
            requests = await read(replica.settings, ACTIONS, all_of(count))
        finally:
            other.kill()
        await sending
    assert out_of_order(requests) == []


async def test_postgresql_away_is_waited_for_and_nothing_is_lost(
    kafka_bootstrap: str, postgres_server: PostgresServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Not ready, but alive; no dead letter; everything is done when it is back."""
    url = postgres_server.url
    async with stack(kafka_bootstrap, url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        replica.more = {"FLOWS_STALL_SECONDS": "3"}
        replica.start()
        await replica.ready()
        await asyncio.to_thread(postgres_server.kill)
        try:
            await send(replica.settings, story(topic_prefix, 50))
            body = await replica.until("/readyz", lambda status, _: status == 503)
            await replica.until("/metrics", lambda _, body: _counted(body, 'flows_waits_total{part="postgresql"}') >= 5)
            assert replica.get("/livez")[0] == 200, "waiting for a part that is away is no stall"
        finally:
            await asyncio.to_thread(postgres_server.start)
        requests = await read(replica.settings, ACTIONS, all_of(50))
        await replica.ready()
        assert replica.stop() == 0
    assert "postgresql" in orjson.loads(body)["faults"]
    assert len(requests) == 50
    assert out_of_order(requests) == []


async def test_kafka_away_is_waited_for_and_nothing_is_lost(
    kafka_server: KafkaServer, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Killed in the middle of the work, for longer than the watchdog's patience; then everything is done."""
    count = 4000
    async with stack(kafka_server.bootstrap, database_url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        replica.more = {"FLOWS_STALL_SECONDS": "4"}
        await send(replica.settings, story(topic_prefix, count))
        replica.start()
        await read(replica.settings, ACTIONS, all_of(500))
        await asyncio.to_thread(kafka_server.kill)
        try:
            await replica.until("/readyz", lambda status, _: status == 503)
            gone = time.monotonic()
            await replica.until("/livez", lambda status, _: status == 200 and time.monotonic() > gone + 5)
        finally:
            await asyncio.to_thread(kafka_server.start)
        requests = await read(replica.settings, ACTIONS, all_of(count))
        await replica.ready()
        assert replica.stop() == 0
    assert out_of_order(requests) == []


async def test_sigterm_finishes_the_batch_and_commits_it(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """What one process did, the next one does not do again."""
    count = 3000
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        await send(replica.settings, story(topic_prefix, count))
        replica.start()
        await read(replica.settings, ACTIONS, all_of(500))
        assert replica.stop() == 0
        replica.start()
        requests = await read(replica.settings, ACTIONS, all_of(count))
        await replica.ready()
        assert replica.stop() == 0
    assert len(requests) == count


async def test_sigterm_while_postgresql_is_away_ends_in_time_and_loses_nothing(
    kafka_bootstrap: str, postgres_server: PostgresServer, topic_prefix: str, tmp_path: Path
) -> None:
    """The batch cannot be finished: the process ends without a commit, and the next one does it."""
    async with stack(kafka_bootstrap, postgres_server.url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        replica.more = {"FLOWS_DRAIN_SECONDS": "1"}
        replica.start()
        await replica.ready()
        await asyncio.to_thread(postgres_server.kill)
        try:
            await send(replica.settings, story(topic_prefix, 20))
            await replica.until("/metrics", lambda _, body: _counted(body, 'flows_waits_total{part="postgresql"}') >= 1)
            assert replica.stop() == 0  # asked to end, it ends in time
        finally:
            await asyncio.to_thread(postgres_server.start)
        replica.start()
        requests = await read(replica.settings, ACTIONS, all_of(20))
    assert len(requests) == 20


async def test_a_process_waits_for_its_topics(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """And says which ones, and who makes them."""
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.ONE_CALL) as replica:
        replica.settings = replica.settings.model_copy(update={"topic_prefix": f"{topic_prefix}late."})
        replica.start()
        await replica.until("/livez", lambda _status, _body: "flows topics apply" in replica.log.read_text())
        assert replica.get("/readyz")[0] == 503
        await kafka.make_topics(replica.settings)
        await send(replica.settings, story(f"{topic_prefix}late", 5))
        assert len(await read(replica.settings, ACTIONS, all_of(5))) == 5


def _counted(body: str, series: str) -> float:
    """A value of the exposition format; 0 when it is not there."""
    for line in body.splitlines():
        if line.startswith(series):
            return float(line.rsplit(" ", 1)[1])
    return 0.0
