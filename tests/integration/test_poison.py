"""Records that no waiting makes good, on real Kafka and PostgreSQL: each a dead letter, and everybody else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry, Counter

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Run, RunMessage
from contracts.topics import ACTIONS, ACTIONS_DLQ, ALL, EVENTS, EVENTS_DLQ, RUNS, RUNS_DLQ, Topic
from services.ingest import event_publisher as ingest
from services.ingest.http_problems import Refused
from services.ingest.settings import IngestSettings
from services.runtime.kafka import Headers, MessageTooLargeError, OutgoingRecord, Producer
from services.runtime.kafka.publishing import BatchPublisher
from services.runtime.settings import RuntimeSettings
from tests.support import batches
from tests.support.actions import kafka, request, worker
from tests.support.closum import closum
from tests.support.flows_command import flows
from tests.support.tools_process import all_of, read, send, stack, story

HUGE = 2_300_000
CONTACT = {"method": "POST", "url": "/contacts", "json": {"phone": "+351912345678"}}


async def put(
    settings: RuntimeSettings,
    topic: Topic,
    values: Sequence[bytes],
    *,
    key: bytes = b"default/contact-1",
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> None:
    """As another team's producer does: compressed, so that a small batch holds large records."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, compression_type="gzip", max_request_size=8_000_000
    )
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic.under(settings.topic_prefix), value, key=key, headers=list(headers))
    finally:
        await producer.stop()


def padded(value: bytes, size: int = HUGE) -> bytes:
    """The same JSON object with a text of so many bytes more, that compresses to nothing."""
    return orjson.dumps({**orjson.loads(value), "padding": "x" * size})


def letter(record: ConsumerRecord) -> DeadLetter:
    """Its headers."""
    return DeadLetter.from_headers(record.headers)


def unwrapped(text: str) -> str:
    """What a terminal has broken into lines."""
    return " ".join(text.split())


def enough(count: int, found: list[ConsumerRecord]) -> bool:
    """Whether so many are there."""
    return len(found) >= count


async def test_tools_goes_on_past_what_it_cannot_handle(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Events and runs that unpack to more than a dead-letter topic takes, or that no column holds: no restart."""
    source = f"/hooks/{topic_prefix}"
    good = story(topic_prefix, 20)
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, batches.PHONE, partitions=2) as replica:
        replica.start()
        await replica.ready()
        settings = replica.settings
        await send(settings, good[:10])
        await put(settings, EVENTS, [b"\xff" * HUGE, padded(b"{}")])
        await put(settings, EVENTS, [batches.event(99, source=source, hops=3).to_bytes()], headers=[("null", None)])
        run = Run(id="r", flow="f", version="v", event=batches.event(1, source=source), key="k")
        body = orjson.loads(RunMessage(run=run).to_bytes())
        wrong: list[dict[str, Any]] = [
            {"run": {**body["run"], "done": 2**40}},
            {"run": {**body["run"], "id": "a\0b", "flow": "a\0b"}},
            {"run": {**body["run"], "id": "x" * 5000}},
            {"run": body["run"], "wake": {"timer": "t" * 5000, "due": "2026-01-01T00:00:00Z"}},
        ]
        await put(settings, RUNS, [json.dumps(one).encode() for one in wrong] + [padded(b"{}"), b"\0" * HUGE])
        await send(settings, good[10:])
        await read(settings, ACTIONS, all_of(21))
        events = await read(settings, EVENTS_DLQ, partial(enough, 2))
        runs = await read(settings, RUNS_DLQ, partial(enough, 6))
        assert replica.process is not None
        assert replica.process.poll() is None
        assert replica.get("/readyz")[0] == 200
        assert replica.stop() == 0, replica.log.read_text()
    assert [letter(one).code for one in events] == [ErrorCode.EVENT_INVALID] * 2
    assert {letter(one).code for one in runs} <= {ErrorCode.RUN_INVALID, ErrorCode.FLOW_UNKNOWN}
    referring = [one for one in [*events, *runs] if letter(one).original_bytes is not None]
    assert len(referring) == 4  # the two of each topic that unpack to too much; partitions come in any order
    for one in referring:
        told = letter(one)
        assert told.original_bytes is not None
        assert told.original_bytes > HUGE
        assert told.topic in {EVENTS.under(topic_prefix), RUNS.under(topic_prefix)}
        assert len(one.value) == 4096


async def test_actions_goes_on_past_what_it_cannot_handle(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Requests that unpack to more than a topic takes, odd inputs, a null header on a call that is parked."""
    async with kafka(kafka_bootstrap, topic_prefix, partitions=1) as topics:
        with (
            closum() as stand_in,
            worker(topics, tmp_path, stand_in.url, own_database, FLOWS_PARK_SECONDS="0.01") as one,
        ):
            lead = {"action": "closum.lead.update", "connection": "closum"}
            stand_in.fault(path="/crm/parked", kind="status", status=503, times=1)
            odd = request(1, "odd", **lead, inputs={"lead_id": "7", "name": ""})
            parked = request(2, "parked", inputs={"method": "POST", "url": "/parked", "json": {}})
            one.start()
            await one.says("partitions.assigned")
            await put(topics.settings, ACTIONS, [b"\xff" * HUGE, padded(b"{}"), odd.to_bytes()])
            await put(topics.settings, ACTIONS, [parked.to_bytes()], key=parked.key, headers=[("null", None)])
            await topics.put([request(number, f"good-{number}", inputs=CONTACT) for number in range(10, 20)])
            dead = await topics.take(ACTIONS_DLQ, partial(enough, 4), seconds=60)
            runs = await topics.take(RUNS, partial(enough, 10))
            assert one.process is not None
            assert one.process.poll() is None
            assert one.stop() == 0, one.logged()
            environ = {name: one.environ[name] for name in ("KAFKA_BOOTSTRAP", "FLOWS_TOPIC_PREFIX", "DATABASE_URL")}
            listed = await asyncio.to_thread(flows, "dead", "list", "--each", "--json", cwd=tmp_path, env=environ)
            rows = [row for row in json.loads(listed.stdout) if row.get("original")]
            shown = await asyncio.to_thread(flows, "dead", "show", rows[0]["id"], cwd=tmp_path, env=environ)
            again = await asyncio.to_thread(flows, "dead", "redrive", "--all", cwd=tmp_path, env=environ)
    assert len({RunMessage.read(record.value).run.event.subject for record in runs}) >= 10
    codes = [letter(record).code for record in dead]
    assert codes.count(ErrorCode.REQUEST_INVALID) == 2
    assert ErrorCode.INPUT_INVALID in codes
    assert ErrorCode.BUG not in codes, "a call that is parked keeps its headers, whatever they are"
    assert len(rows) == 2
    assert f"{ACTIONS.under(topic_prefix)}/0/" in rows[0]["original"]
    assert "The first bytes of the original message" in shown.stdout
    assert unwrapped(again.stdout).count("bytes, and at most 900000 are taken") == 2, again.stdout + again.stderr


async def test_a_letter_by_reference_is_redriven_from_its_original_while_that_is_there(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Its letter holds the first bytes only; what goes back is the whole."""
    event = Event(id="1", source="/a", type="t", subject="s", data={"text": "whole " * 2000})
    environ = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": own_database}
    async with kafka(kafka_bootstrap, topic_prefix, partitions=1) as topics:
        await put(topics.settings, EVENTS, [event.to_bytes()], key=event.key, headers=[("theirs", b"kept")])
        name = EVENTS.under(topic_prefix)
        for offset in (0, 7):
            told = DeadLetter.of((name, 0, offset), ErrorCode.BUG, "too large", "tools").model_copy(
                update={"original_bytes": len(event.to_bytes())}
            )
            sent = await topics.producer.send(EVENTS_DLQ, event.key, event.to_bytes()[:100], told.to_headers())  # type: ignore[arg-type]
            await sent
        done = await asyncio.to_thread(flows, "dead", "redrive", "--all", cwd=tmp_path, env=environ)
        assert "1 redriven, 1 left out" in done.stdout, done.stdout + done.stderr
        assert f"its original, {name}/0/7, is gone" in unwrapped(done.stdout)
        back = (await topics.take(EVENTS, partial(enough, 2)))[1]
    assert back.value == event.to_bytes()
    assert dict(back.headers)["theirs"] == b"kept"


@contextlib.asynccontextmanager
async def small_topics(bootstrap: str, prefix: str, most: int) -> AsyncIterator[RuntimeSettings]:
    """Topics as somebody else made them: they take much less than ours."""
    settings = RuntimeSettings(kafka_bootstrap=bootstrap, topic_prefix=prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        small = {"max.message.bytes": str(most)}
        await admin.create_topics([NewTopic(topic.under(prefix), 1, 1, topic_configs=small) for topic in ALL])
        yield settings
    finally:
        await admin.close()


async def test_topics_that_take_less_than_ours_hold_up_nobody(kafka_bootstrap: str, topic_prefix: str) -> None:
    """What the broker itself refuses: a 413 at the door, a letter by reference, and the others of its batch go on."""
    async with small_topics(kafka_bootstrap, topic_prefix, 10_000) as settings:
        producer = Producer(settings)
        await producer.start()
        told = DeadLetter.of(("there", 3, 7), ErrorCode.EVENT_INVALID, "no", "tools")
        letter_headers: Headers = [*told.to_headers()]
        big = b"x" * 50_000
        try:
            outputs = [OutgoingRecord(ACTIONS, b"k", b"%d" % number) for number in range(5)]
            outputs[2:2] = [OutgoingRecord(RUNS, b"k", big), OutgoingRecord(EVENTS_DLQ, b"k", big, letter_headers)]
            async with asyncio.timeout(60):
                with pytest.raises(MessageTooLargeError):
                    await BatchPublisher(producer).publish(outputs)
                await BatchPublisher(producer).publish([OutgoingRecord(ACTIONS_DLQ, b"k", big, letter_headers)])
        finally:
            await producer.stop()
        sent = await read(settings, ACTIONS, partial(enough, 5))
        assert list(dict.fromkeys(one.value for one in sent)) == [b"0", b"1", b"2", b"3", b"4"]
        for topic in (EVENTS_DLQ, ACTIONS_DLQ):
            (one,) = await read(settings, topic, partial(enough, 1))
            assert (letter(one).offset, len(one.value)) == (7, 4096)
            assert (letter(one).original_bytes or 0) > len(big)
        door = ingest.EventPublisher(IngestSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix))
        connecting = asyncio.create_task(door.keep_connected())
        counter = Counter("accepted", "accepted", registry=CollectorRegistry())
        try:
            async with asyncio.timeout(60):
                while True:  # until it is connected
                    try:
                        await door.publish(b"k", big, counter)
                    except Refused as refused:
                        if refused.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                            break
                    await asyncio.sleep(0.05)
                while True:  # it has connected anew
                    try:
                        await door.publish(b"k", b"{}", counter)
                    except Refused:
                        await asyncio.sleep(0.05)
                    else:
                        break
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await door.stop()
