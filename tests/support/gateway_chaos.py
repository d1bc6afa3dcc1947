"""Parts that are stopped and killed under load, and senders that keep account of each answer they got."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer

from contracts.topics import ACTIONS, EVENTS, HISTORY, Topic
from deploy.local import KafkaServer
from deploy.local.ports import free_port
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support import batches, ingest, tools_process

SENDERS = 16
REQUEST_SECONDS = 10.0
FLOW = batches.ONE_CALL
ACCEPTED, UNAVAILABLE = 202, 503


@dataclass
class Answers:
    """What senders were told."""

    accepted: dict[str, str] = field(default_factory=dict)  # message → event id
    unavailable: int = 0
    cut: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, message: str, status: int, headers: dict[str, str], body: bytes) -> bool:
        """Keep one answer; whether it was a 202."""
        if status == ACCEPTED:
            self.accepted[message] = json.loads(body)["id"]
            return True
        clear = status == UNAVAILABLE and "Retry-After" in headers and b'"code":"kafka_unavailable"' in body
        if clear or (status == UNAVAILABLE and b'"code":"overloaded"' in body):
            self.unavailable += 1
        else:
            self.wrong.append(f"{status} {body[:200]!r}")
        return False


@dataclass
class Gateway:
    """The process at one address, over all its starts."""

    folder: Path
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Choose the address."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{ingest.WHATSAPP}"
        self.environ = ingest.environment(
            self.folder,
            **self.settings,
            FLOWS_INGEST_PORT=str(port),
            FLOWS_HEALTH_PORT=str(free_port(besides=frozenset({port}))),
        )

    def start(self) -> None:
        """Start it; it listens a moment later."""
        with (self.folder / "gateway.log").open("ab") as log:
            command = [sys.executable, "-m", "services.ingest"]
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@contextlib.asynccontextmanager
async def gateway(folder: Path, settings: dict[str, str]) -> AsyncIterator[Gateway]:
    """The process, started and listening, with its topics; killed with the block."""
    await make_topics(load(RuntimeSettings, settings), [EVENTS, HISTORY])
    made = Gateway(folder, settings)
    made.start()
    try:
        await answering(made)
        yield made
    finally:
        made.kill()


async def answering(made: Gateway) -> None:
    """Wait until it accepts: another message than those of the senders."""
    end = time.monotonic() + 60
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with session.post(made.url, data=message("warm")) as answer:
                    if answer.status == ACCEPTED:
                        return
            assert time.monotonic() < end, (made.folder / "gateway.log").read_text()[-2000:]
            await asyncio.sleep(0.1)


def message(name: str) -> bytes:
    """A WhatsApp message with this id, of one of a hundred contacts."""
    return orjson.dumps({"message_id": name, "from": f"+35191{hash_of(name):07d}", "text": "olá"})


def hash_of(name: str) -> int:
    """A contact for a message, the same on every run."""
    return sum(name.encode()) % 100


async def send_while(url: str, going_on: Callable[[], bool], answers: Answers) -> None:
    """Many senders with messages of their own, each sent once, for as long as it goes on."""

    async def one(sender: int, session: aiohttp.ClientSession) -> None:
        number = 0
        while going_on():
            await _post(session, url, f"{sender}.{number}", answers)
            number += 1

    async with _session() as session:
        await asyncio.gather(*(one(sender, session) for sender in range(SENDERS)))


async def send_until_accepted(url: str, names: Iterable[str], answers: Answers) -> None:
    """Every message until it is accepted, in an order of its own: a client that redelivers."""
    waiting = list(names)
    random.shuffle(waiting)

    async def one(session: aiohttp.ClientSession) -> None:
        while waiting:
            name = waiting.pop()
            while not await _post(session, url, name, answers):  # noqa: ASYNC110 - asks anew, does not wait for a value
                # Not at once: sixty senders without pause leave a starting Kafka no processor.
                await asyncio.sleep(0.25)

    async with _session() as session:
        await asyncio.gather(*(one(session) for _ in range(SENDERS)))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS))


async def _post(session: aiohttp.ClientSession, url: str, name: str, answers: Answers) -> bool:
    try:
        async with session.post(url, data=message(name)) as answer:
            return answers.note(name, answer.status, dict(answer.headers), await answer.read())
    except (aiohttp.ClientError, TimeoutError, OSError):
        answers.cut += 1
        await asyncio.sleep(0.1)  # as a sender would, before it tries again
        return False


async def found(settings: dict[str, str], topic: Topic, of: Callable[[bytes], str], wanted: set[str]) -> set[str]:
    """What stands in a topic, once all that is wanted is there; all of it after 60 s."""
    consumer = AIOKafkaConsumer(
        topic.under(settings["FLOWS_TOPIC_PREFIX"]),
        bootstrap_servers=settings["KAFKA_BOOTSTRAP"],
        auto_offset_reset="earliest",
    )
    await consumer.start()
    seen: set[str] = set()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                quiet = False
                while not (wanted <= seen and quiet):
                    got = await consumer.getmany(timeout_ms=1000)
                    quiet = not got
                    seen |= {of(record.value) for records in got.values() for record in records}
    finally:
        await consumer.stop()
    return seen


def event_of(value: bytes) -> str:
    """The id of an event."""
    return str(orjson.loads(value)["id"])


def run_of(value: bytes) -> str:
    """The event and run of an action request."""
    run = orjson.loads(value)["run"]
    return f"{run['event']['id']} {run['id']}"


async def kafka_stopped(server: KafkaServer, prefix: str, folder: Path, seconds: float) -> Answers:
    """Kafka stopped under load for so long and started again: 202 is a promise, all else a clear 503."""
    settings = {"KAFKA_BOOTSTRAP": server.bootstrap, "FLOWS_TOPIC_PREFIX": prefix, "FLOWS_TOPIC_PARTITIONS": "4"}
    async with gateway(folder, settings) as made:
        answers = Answers()
        going = [True]
        sending = asyncio.create_task(send_while(made.url, lambda: going[0], answers))
        await until(lambda: len(answers.accepted) > 200)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(seconds)  # how long it is away is the point
        await asyncio.to_thread(server.start)
        there = len(answers.accepted)
        await until(lambda: len(answers.accepted) > there + 500)
        going[0] = False
        await sending
        await proved(settings, answers)
    return answers


async def gateway_killed(server: KafkaServer, prefix: str, folder: Path, kills: int) -> Answers:
    """SIGKILL of the gateway under load, several times: no 202 is missing."""
    settings = {"KAFKA_BOOTSTRAP": server.bootstrap, "FLOWS_TOPIC_PREFIX": prefix, "FLOWS_TOPIC_PARTITIONS": "4"}
    async with gateway(folder, settings) as made:
        answers = Answers()
        going = [True]
        sending = asyncio.create_task(send_while(made.url, lambda: going[0], answers))
        for _ in range(kills):
            there = len(answers.accepted)
            await more(answers, there + 300)
            made.kill()
            made.start()
        there = len(answers.accepted)
        await until(lambda: len(answers.accepted) > there + 300)
        going[0] = False
        await sending
        await proved(settings, answers)
    assert answers.cut > 0
    return answers


async def proved(settings: dict[str, str], answers: Answers) -> None:
    """Every 202 is in the topic, and no answer was unclear."""
    wanted = set(answers.accepted.values())
    assert not answers.wrong, answers.wrong[:5]
    missing = wanted - await found(settings, EVENTS, event_of, wanted)
    assert not missing, f"{len(missing)} of {len(wanted)} acknowledged events are not in the topic"


async def redelivered(server: KafkaServer, url: str, prefix: str, folder: Path, count: int) -> Answers:
    """4 clients, the same events in random order; Kafka and the gateway killed twice: as many runs as events."""
    settings = {"KAFKA_BOOTSTRAP": server.bootstrap, "FLOWS_TOPIC_PREFIX": prefix, "FLOWS_TOPIC_PARTITIONS": "4"}
    names = [f"m{number}" for number in range(count)]
    flow = FLOW.replace(batches.TRIGGER, "closum.whatsapp.message_received")
    async with tools_process.stack(server.bootstrap, url, prefix, folder, flow) as tools:
        tools.start()
        await tools.ready()
        async with gateway(folder, settings) as made:
            clients = [Answers() for _ in range(4)]
            sending = [asyncio.create_task(send_until_accepted(made.url, names, client)) for client in clients]
            for kill in range(2):
                # Always in the middle: some accepted, some not.
                share = count * 4 * (kill + 1) // 4
                await more(clients, share)
                made.kill()
                made.start()
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await asyncio.gather(*sending)
            for client in clients:
                assert not client.wrong, client.wrong[:5]
            ids = {name: {client.accepted[name] for client in clients} for name in names}
            assert all(len(one) == 1 for one in ids.values())
            wanted = {identity for one in ids.values() for identity in one}
            assert len(wanted) == count
            runs = await until_runs(settings, wanted)
            assert len(runs) == count, f"{len(runs)} runs of {count} events"
    total = Answers()
    for client in clients:
        total.accepted |= client.accepted
        total.unavailable += client.unavailable
        total.cut += client.cut
    return total


async def until_runs(settings: dict[str, str], events: set[str]) -> set[str]:
    """The runs of these events, once each has one; the event that only waited for the gateway is none of them."""
    end = time.monotonic() + 120
    while True:
        runs = {run for run in await found(settings, ACTIONS, run_of, set()) if run.split()[0] in events}
        if {run.split()[0] for run in runs} == events:
            return runs
        assert time.monotonic() < end, f"{len(runs)} runs of {len(events)} events"


async def more(answers: Answers | list[Answers], than: int) -> None:
    """Wait until more are accepted."""
    all_of_them = answers if isinstance(answers, list) else [answers]
    await until(lambda: sum(len(each.accepted) for each in all_of_them) > than)


async def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Poll."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.02)
