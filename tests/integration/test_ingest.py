"""The real gateway process over a real Kafka: what is acknowledged is there, and nothing that was begun is lost."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contracts.events import Event
from contracts.topics import EVENTS
from deploy.local import KafkaServer
from deploy.local.ports import free_port
from services.ingest.server import QUIET_SECONDS
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support.ingest import (
    BEARER,
    LEADS,
    TOKEN,
    WHATSAPP,
    Ingest,
    environment,
    eventually,
    listening,
    running,
)

MESSAGE = {"message_id": "wamid.1", "from": "+351 912 345 678", "text": "Olá 🙂"}


@pytest.fixture
async def topics(kafka_bootstrap: str, topic_prefix: str) -> dict[str, str]:
    """The settings of a process with topics of its own."""
    settings = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "FLOWS_TOPIC_PARTITIONS": "3"}
    await make_topics(load(RuntimeSettings, settings), [EVENTS])
    return settings


@pytest.fixture
def ingest(topics: dict[str, str], tmp_path: Path) -> Iterator[Ingest]:
    """The process, ready."""
    with running(tmp_path, **topics) as process:
        process.until_ready()
        yield process


@pytest.fixture(scope="module")
async def shared(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ingest]:
    """One for all that neither end it nor count what it did."""
    settings = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:12]}."}
    await make_topics(load(RuntimeSettings, settings), [EVENTS])
    with running(tmp_path_factory.mktemp("ingest"), **settings) as process:
        await asyncio.to_thread(process.until_ready)
        yield process


async def records(settings: dict[str, str], least: int) -> list[ConsumerRecord]:
    """Everything in the topic `events`, once there are `least` and no more come."""
    consumer = AIOKafkaConsumer(
        settings["FLOWS_TOPIC_PREFIX"] + EVENTS.name,
        bootstrap_servers=settings["KAFKA_BOOTSTRAP"],
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(20):
            while True:
                batch = await consumer.getmany(timeout_ms=500)
                if not batch and len(found) >= least:
                    return found
                found += [record for part in batch.values() for record in part]
    finally:
        await consumer.stop()


def post(ingest: Ingest, path: str, body: object, **headers: str) -> httpx.Response:
    """One request over a connection of its own."""
    return httpx.post(ingest.url + path, json=body, headers=headers, timeout=10, trust_env=False)


async def test_202_means_that_kafka_has_the_event(ingest: Ingest, topics: dict[str, str]) -> None:
    """Under the subject's key, marked as a CloudEvent, from both addresses, in order for one subject."""
    ids = [post(ingest, WHATSAPP, MESSAGE | {"message_id": f"m{number}"}).json()["id"] for number in range(5)]
    event = {
        "specversion": "1.0",
        "id": "7",
        "source": "/shop",
        "type": "closum.lead.created",
        "data": {"email": "a@b.pt"},
    }
    assert post(ingest, "/v1/events", event, **BEARER).json() == {"id": "7"}
    found = await records(topics, 6)
    assert len(found) == 6
    for record in found:
        read = Event.model_validate_json(record.value)
        assert record.key == read.key
        assert record.headers == (("content-type", b"application/cloudevents+json"),)
    in_order = [Event.model_validate_json(record.value).id for record in found if record.key == b"default/351912345678"]
    assert in_order == ids


def test_wrong_requests_are_answered_by_the_server_too(ingest: Ingest) -> None:
    """Each kind once, through granian; and the log shows why, without the token."""
    assert post(ingest, "/v1/hooks/whatsapp/wrong", MESSAGE).status_code == httpx.codes.NOT_FOUND
    assert post(ingest, WHATSAPP, []).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert post(ingest, "/v1/events", MESSAGE).status_code == httpx.codes.UNAUTHORIZED
    response = httpx.post(ingest.url + WHATSAPP, content=b'{"from"', trust_env=False)
    assert (response.status_code, response.json()["column"]) == (httpx.codes.BAD_REQUEST, 8)
    refused = [line for line in map(json.loads, ingest.text().splitlines()) if line["event"] == "request.refused"]
    assert [line["status"] for line in refused] == [422, 400]
    assert refused[0]["fields"] == [{"pointer": "", "detail": "must be a JSON object"}]
    assert TOKEN not in ingest.text()


@pytest.mark.parametrize("head", ["Content-Length: 300000", "Transfer-Encoding: chunked"])
def test_too_large_is_answered_before_the_body_is_read(shared: Ingest, head: str) -> None:
    """413 comes while the sender has sent nothing yet, or just too much of a chunked body."""
    with socket.create_connection(("127.0.0.1", shared.port), 10) as connection:
        connection.sendall(f"POST {WHATSAPP} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        if "chunked" in head:
            connection.sendall(b"%x\r\n%s\r\n" % (270_000, b" " * 270_000))
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer


def test_readiness_and_metrics_stand_on_their_own_port(shared: Ingest) -> None:
    """What Kubernetes and Prometheus ask for; no token among it."""
    assert post(shared, LEADS, {"email": "a@b.pt"}).status_code == httpx.codes.ACCEPTED
    base = f"http://127.0.0.1:{shared.health_port}"
    assert httpx.get(f"{base}/livez", trust_env=False).json()["alive"]
    metrics = httpx.get(f"{base}/metrics", trust_env=False).text
    assert 'flows_events_accepted_total{source="leads",trigger="closum.lead.created"} 1.0' in metrics
    assert 'flows_ingest_responses_total{source="leads",status="202"} 1.0' in metrics
    assert "flows_acknowledgement_seconds_count 1.0" in metrics
    assert TOKEN not in metrics


async def test_a_stop_finishes_what_was_begun(ingest: Ingest, topics: dict[str, str]) -> None:
    """SIGTERM while requests are at work: each 202 is in Kafka, who sends is told to go and not cut, exit 0."""
    accepted: list[str] = []
    faults: list[str] = []
    begun = threading.Event()

    def send(number: int) -> None:
        answered = time.monotonic()
        with httpx.Client(trust_env=False, timeout=10) as client:
            for turn in range(100_000):
                silent = time.monotonic() - answered
                try:
                    response = client.post(ingest.url + WHATSAPP, json=MESSAGE | {"message_id": f"{number}.{turn}"})
                except httpx.TransportError as error:
                    if silent < QUIET_SECONDS:  # HTTP promises nothing to who was silent: RFC 9112, 9.6
                        faults.append(repr(error))
                    return
                answered = time.monotonic()
                if response.status_code != httpx.codes.ACCEPTED:
                    faults.append(response.text)
                    return
                accepted.append(response.json()["id"])
                if response.headers.get("connection") == "close":
                    return
                if len(accepted) > 100:
                    begun.set()

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    half = socket.create_connection(("127.0.0.1", ingest.port), 10)
    body = json.dumps(MESSAGE | {"message_id": "half"}).encode()
    half.sendall(f"POST {WHATSAPP} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:10])
    assert await asyncio.to_thread(begun.wait, 20)
    ingest.terminate()
    for sender in senders:
        await asyncio.to_thread(sender.join, 20)
    await asyncio.to_thread(eventually, lambda: not listening(ingest), 20, ingest.text)
    half.sendall(body[10:])
    answer = half.recv(10_000)
    half.close()
    assert await asyncio.to_thread(ingest.ended) == 0, ingest.text()
    assert faults == []
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 202 ")
    assert b"connection: close" in head.lower()
    accepted.append(json.loads(text)["id"])
    there = [json.loads(record.value)["id"] for record in await records(topics, len(accepted))]
    assert sorted(there) == sorted(accepted)


def test_a_stop_does_not_wait_for_ever(topics: dict[str, str], tmp_path: Path) -> None:
    """A sender that hangs in the middle of its body is cut off after drain_seconds."""
    with running(tmp_path, **topics, FLOWS_DRAIN_SECONDS="0.5") as ingest:
        ingest.until_ready()
        with socket.create_connection(("127.0.0.1", ingest.port), 10) as hung:
            hung.sendall(f"POST {WHATSAPP} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode())
            # Once the next connection is answered, the first one has been taken.
            assert post(ingest, WHATSAPP, MESSAGE).status_code == httpx.codes.ACCEPTED
            begun = time.monotonic()
            ingest.terminate()
            assert ingest.ended(10) == 0, ingest.text()
            assert time.monotonic() - begun < 5
        assert "requests.cut_off" in ingest.text()


def test_kafka_may_come_later_than_the_gateway(topics: dict[str, str], tmp_path: Path) -> None:
    """The start does not fail: not ready, 503 with Retry-After at once, and a clean end all the same."""
    with running(tmp_path, **topics | {"KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}) as ingest:
        ready = ingest.ready()
        assert not ready["ready"]
        assert "kafka" in ready["faults"]
        begun = time.monotonic()
        response = post(ingest, WHATSAPP, MESSAGE)
        assert time.monotonic() - begun < 5
        assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert response.json()["code"] == "kafka_unavailable"
        assert int(response.headers["retry-after"]) > 0
        ingest.terminate()
        assert ingest.ended(10) == 0
        assert "Traceback" not in ingest.text()


async def test_a_missing_topic_is_told(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    """Readiness names the topic and the remedy, hooks answer 503; once it is made all is well, without a restart."""
    settings = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix}
    with running(tmp_path, **settings) as ingest:
        await asyncio.to_thread(eventually, lambda: "topics apply" in str(ingest.ready()["faults"]), 20, ingest.text)
        assert f"{topic_prefix}events" in ingest.ready()["faults"]["kafka"]
        begun = time.monotonic()
        response = await asyncio.to_thread(post, ingest, WHATSAPP, MESSAGE)
        assert time.monotonic() - begun < 5
        assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
        await make_topics(load(RuntimeSettings, settings), [EVENTS])
        await asyncio.to_thread(ingest.until_ready)
        response = await asyncio.to_thread(post, ingest, WHATSAPP, MESSAGE)
        assert response.status_code == httpx.codes.ACCEPTED


async def test_kafka_may_go_away_and_come_back(kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path) -> None:
    """503 within 5 seconds while it is away, 202 when it is back; what was refused and sent again is one event."""
    settings = {
        "KAFKA_BOOTSTRAP": kafka_server.bootstrap,
        "FLOWS_TOPIC_PREFIX": topic_prefix,
        "FLOWS_TOPIC_PARTITIONS": "3",
    }
    try:
        await make_topics(load(RuntimeSettings, settings), [EVENTS])
        with running(tmp_path, **settings) as ingest:
            await asyncio.to_thread(ingest.until_ready)
            ids = [post(ingest, WHATSAPP, MESSAGE).json()["id"]]
            await asyncio.to_thread(kafka_server.kill)
            for number in range(2):
                begun = time.monotonic()
                response = await asyncio.to_thread(post, ingest, WHATSAPP, MESSAGE | {"message_id": f"away{number}"})
                assert time.monotonic() - begun < 5
                assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
                assert int(response.headers["retry-after"]) > 0
            assert not ingest.ready()["ready"]
            await asyncio.to_thread(kafka_server.start)
            await asyncio.to_thread(ingest.until_ready)
            for number in range(2):
                body = MESSAGE | {"message_id": f"away{number}"}

                def again(body: object = body) -> bool:
                    response = post(ingest, WHATSAPP, body)
                    if response.status_code == httpx.codes.ACCEPTED:
                        ids.append(response.json()["id"])
                    return response.status_code == httpx.codes.ACCEPTED

                await asyncio.to_thread(eventually, again, 30, ingest.text)
            there = {json.loads(record.value)["id"] for record in await records(settings, len(ids))}
            assert there == set(ids)
            assert len(there) == 3
            log = [json.loads(line)["event"] for line in ingest.text().splitlines()]
            assert log.count("kafka.lost") == log.count("kafka.returned") >= 1
    finally:
        await asyncio.to_thread(kafka_server.start)


def ended(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "services.ingest", *arguments],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_teaches(tmp_path: Path) -> None:
    """What it is for, and every setting with its default."""
    result = ended(tmp_path, "--help")
    assert result.returncode == 0
    for word in ("POST /v1/hooks/SOURCE/TOKEN", "FLOWS_SOURCES_FILE", "FLOWS_MAX_BODY_BYTES", "KAFKA_BOOTSTRAP"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FLOWS_MAX_BODY_BYTES": "big"}, "FLOWS_MAX_BODY_BYTES"),
        ({"FLOWS_INGEST_PROT": "1"}, "did you mean FLOWS_INGEST_PORT?"),
        (
            {"HOOK_TOKEN_LEADS": ""},
            "sources.yaml:7:5: sources.leads.token: the environment variable 'HOOK_TOKEN_LEADS'",
        ),
        ({"FLOWS_SOURCES_FILE": "none.yaml"}, "FLOWS_SOURCES_FILE='none.yaml': cannot be read"),
        ({"FLOWS_INGEST_HOST": "192.0.2.1"}, "FLOWS_INGEST_HOST='192.0.2.1'"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, settings: dict[str, str], expected: str) -> None:
    """Exit 2 with name, fault and remedy; no stack trace."""
    result = ended(tmp_path, **settings)
    assert result.returncode == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_two_gateways_do_not_share_a_port(shared: Ingest, tmp_path: Path) -> None:
    """The second one says so and ends."""
    result = ended(tmp_path, FLOWS_INGEST_PORT=str(shared.port))
    assert result.returncode == 2
    assert f"FLOWS_INGEST_PORT={shared.port}: another program listens there" in result.stderr
