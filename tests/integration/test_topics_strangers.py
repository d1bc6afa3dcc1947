"""What anybody can put on a topic, on each that we read: nothing ends, the next record is handled, each is visible."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import confluent_kafka
import httpx
import orjson
from aiokafka import ConsumerRecord

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import HistoryRecord, Outcome, Run, RunMessage
from contracts.topics import ACTIONS, ACTIONS_DLQ, DLQ_OF, EVENTS, EVENTS_DLQ, HISTORY, RUNS, RUNS_DLQ, Topic
from services.runtime.settings import RuntimeSettings
from tests.support import actions, batches, ingest
from tests.support.actions import request, worker
from tests.support.closum import closum
from tests.support.flows_command import flows
from tests.support.tools_process import all_of, read, send, stack

KEY = b"k" * 1_000_000


@dataclass(frozen=True)
class Record:
    """What somebody else's producer sends. `fine`: it is a message of ours all the same."""

    value: bytes | None
    key: bytes | None = b"k"
    headers: tuple[tuple[str, bytes | None], ...] = ()
    fine: bool = False


def strange(good: bytes, newer: dict[str, Any]) -> dict[str, Record]:
    """By name. `good`: a message of this topic; `newer`: what it says of itself in a version that nobody knows."""
    return {
        "tombstone": Record(None),
        "nothing at all": Record(None, None),
        "empty": Record(b""),
        "garbage": Record(b"\xff\x00\x01\xfe" * 50),
        "no object": Record(b"[1]"),
        "null": Record(b"null"),
        "deep": Record(b"[" * 100_000),
        "unknown version": Record(orjson.dumps(orjson.loads(good) | newer)),
        "missing fields": Record(b"{}"),
        "headers without values": Record(b"{}", headers=(("closum-code", None), ("content-type", None))),
        "headers of another kind": Record(b"\xfe", headers=(("content-type", b"\xff\xfe"), ("ce_id", b"\xff"))),
        "a key of 1 MB": Record(b"garbage", KEY),
        "a message under a key of 1 MB": Record(good, KEY, fine=True),
    }


async def put(settings: RuntimeSettings, topic: Topic, records: dict[str, Record]) -> None:
    """Into partition 0, in order, as librdkafka does: it has no opinion on what a record holds."""

    def produce() -> None:
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": settings.kafka_bootstrap, "message.max.bytes": 1_040_000, "acks": "all"}
        )
        for one in records.values():
            name = topic.under(settings.topic_prefix)
            producer.produce(name, one.value, one.key, partition=0, headers=list(one.headers))
            assert producer.flush(20) == 0

    await asyncio.to_thread(produce)


def offsets(letters: list[ConsumerRecord]) -> set[int]:
    """Of the records that these letters are about."""
    return {DeadLetter.from_headers(one.headers).offset for one in letters}


def wrong(records: dict[str, Record]) -> set[int]:
    """Where those lie that nobody can make sense of."""
    return {offset for offset, one in enumerate(records.values()) if not one.fine}


def all_told(wanted: set[int], found: list[ConsumerRecord]) -> bool:
    """Whether each has its letter."""
    return wanted <= offsets(found)


async def test_tools_passes_what_strangers_put_on_events_and_runs(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Each wrong one is a dead letter; the others behind them in the same partition go on."""
    source = f"/{topic_prefix}"
    async with stack(kafka_bootstrap, own_database, topic_prefix, tmp_path, batches.TWO_CALLS, partitions=1) as replica:
        settings = replica.settings
        events = strange(batches.event(1, source=source).to_bytes(), {"specversion": "9.9"})
        replica.start()
        await put(settings, EVENTS, events)
        await send(settings, [batches.event(2, source=source)])
        asked = await read(settings, ACTIONS, all_of(2))
        run = orjson.loads(asked[0].value)["run"]
        runs = strange(
            RunMessage(run=Run.model_validate(run | {"at": ""})).to_bytes(), {"run": run | {"version": "of tomorrow"}}
        )
        await put(settings, RUNS, runs)
        reply = batches.reply(orjson.loads(asked[1].value), outputs={"status": 200})
        await send(settings, [reply.value or b""], topic=RUNS)
        await read(settings, ACTIONS, lambda found: any(b'"/seen"' in one.value for one in found))
        for topic, records in ((EVENTS_DLQ, events), (RUNS_DLQ, runs)):
            letters = await read(settings, topic, partial(all_told, wrong(records)))
            assert offsets(letters) == wrong(records)
        assert replica.process is not None
        assert replica.process.poll() is None
        assert replica.stop() == 0, replica.log.read_text()[-3000:]
        assert "record.broke" not in replica.log.read_text()  # no bug was needed to find them


async def test_actions_passes_what_strangers_put_on_actions(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """As above: nobody is called for them, and the last one is."""
    async with actions.kafka(kafka_bootstrap, topic_prefix, partitions=1) as topics:
        with closum() as stand_in, worker(topics, tmp_path, stand_in.url, own_database) as one:
            records = strange(request(1).to_bytes(), {"action": "of.tomorrow"})
            one.start()
            await put(topics.settings, ACTIONS, records)
            await topics.put([request(2)])
            await topics.take(RUNS, lambda found: len(found) >= 2)
            letters = await topics.take(ACTIONS_DLQ, partial(all_told, wrong(records)))
            assert offsets(letters) == wrong(records)
            assert one.process is not None
            assert one.process.poll() is None
            assert one.stop() == 0, one.logged()[-3000:]
            assert "record.broke" not in one.logged()
            assert len(stand_in.state("effects")) == 2


async def test_who_reads_history_and_dead_letters_passes_what_strangers_put_there(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The look-up of events, the mark of dead runs, and every command that reads a topic."""
    environ = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": own_database}

    def run(*arguments: str, code: int = 0) -> str:
        done = flows(*arguments, cwd=tmp_path, env=environ)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    async with stack(kafka_bootstrap, own_database, topic_prefix, tmp_path, batches.ONE_CALL, partitions=1) as replica:
        settings = replica.settings
        ended = HistoryRecord(
            run_id="r", event_id="e", source="/s", account="default", subject="s", outcome=Outcome.DEAD,
            at=datetime.now(UTC),
        )  # fmt: skip
        await put(settings, HISTORY, strange(ended.to_bytes(), {"outcome": "of tomorrow"}))
        last = ended.model_copy(update={"run_id": "r2", "event_id": "last", "outcome": Outcome.DELIVERED})
        await send(settings, [last.to_bytes()], topic=HISTORY)
        dead = request(1)
        for topic in DLQ_OF.values():
            await put(settings, topic, strange(dead.to_bytes(), {"action": "of.tomorrow"}))
        told = DeadLetter.of(("actions", 0, 1), ErrorCode.CALL_REJECTED, "no", "actions", run_id=dead.run.id)
        await put(settings, ACTIONS_DLQ, {"last": Record(dead.to_bytes(), dead.key, tuple(told.to_headers()))})
        replica.start()
        with ingest.running(tmp_path, **environ) as gateway:
            async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False, headers=ingest.BEARER) as client:
                while (await client.get(f"{gateway.url}/v1/events/last")).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                assert (await client.get(f"{gateway.url}/v1/events/e")).json()["state"] == "ended"
            assert gateway.process.poll() is None
            assert "record.broke" not in gateway.text()
        connection = await asyncpg.connect(own_database)
        try:
            async with asyncio.timeout(60):
                while not await connection.fetchval("select count(*) from dead_runs where run_id = $1", dead.run.id):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        finally:
            await connection.close()
        assert replica.stop() == 0
        assert "letter.broke" not in replica.log.read_text()
    rows = json.loads(await asyncio.to_thread(run, "dead", "list", "--each", "--limit", "1000", "--json"))
    assert len(rows) == 4 * 13 + 1
    assert len(json.loads(await asyncio.to_thread(run, "runs", "--json"))) == 2
    for row in rows[:: len(rows) // 13 + 1]:  # of each topic some
        await asyncio.to_thread(run, "dead", "show", row["id"])
    told_of = await asyncio.to_thread(run, "dead", "redrive", "--all")
    assert "1 redriven, 52 left out" in told_of
    assert await asyncio.to_thread(run, "errors")
    assert "52 dropped" in await asyncio.to_thread(run, "dead", "drop", "--all", "--reason", "nobody's")
