"""What tests of services/actions share: requests to put on Kafka, a worker as a process, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contracts.actions import ActionRequest, Retry
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Run
from contracts.topics import ACTIONS, ALL, Topic
from deploy.local.ports import free_port
from services.runtime.kafka import Producer, make_topics
from services.runtime.settings import RuntimeSettings, load

# Attempts that failed stand beside the ends on `history`.
ATTEMPT = b'{"kind":"attempt"'
SECRET = "s3cret-Marker/ü+7"
KEYED = "    idempotency: { header: Idempotency-Key, for: 24h }\n"
ASCII_SECRET = "s3cret-Marker/+7"


def request(number: int, subject: str = "+351910000000", **fields: Any) -> ActionRequest:
    """A request to add a contact to the CRM; `fields` replace what it has."""
    event = Event(
        id=f"e{number}", source="/test", type="t", subject=subject, accepted=datetime.now(UTC), data={"n": number}
    )
    run = Run(id=f"r{number}", flow="flow", version="v1", event=event, key=subject, at="0")
    given: dict[str, Any] = {
        "effect_id": stable_id(run.id, "0"),
        "action": "http.request",
        "connection": "crm",
        "inputs": {"method": "POST", "url": "/contacts", "json": {"phone": subject, "n": number}},
        "retry": Retry(attempts=3, within_seconds=30),
        "step": "0",
        "name": "crm",
        "run": run,
        "requested": datetime.now(UTC),
    }
    return ActionRequest(**(given | fields))


@dataclass
class Kafka:
    """One test's topics on a real broker."""

    settings: RuntimeSettings
    producer: Producer

    async def put(self, requests: Iterable[ActionRequest]) -> None:
        """Produce requests and wait until Kafka has them."""
        sent = [await self.producer.send(ACTIONS, one.key, one.to_bytes()) for one in requests]
        await asyncio.gather(*sent)

    async def take(
        self, topic: Topic, enough: Callable[[list[ConsumerRecord]], bool], seconds: float = 30
    ) -> list[ConsumerRecord]:
        """All records of a topic from its beginning, but failed attempts, as soon as they are enough."""
        consumer = AIOKafkaConsumer(
            topic.under(self.settings.topic_prefix),
            bootstrap_servers=self.settings.kafka_bootstrap,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        found: list[ConsumerRecord] = []
        try:
            async with asyncio.timeout(seconds):
                while not enough(found):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found.extend(one for one in records if ATTEMPT not in (one.value or b""))
        except TimeoutError:
            raise AssertionError(f"only {len(found)} records of {topic.name} after {seconds} s") from None
        finally:
            await consumer.stop()
        return found


@contextlib.asynccontextmanager
async def kafka(bootstrap: str, prefix: str, partitions: int = 4) -> AsyncIterator[Kafka]:
    """Fresh topics and a producer."""
    settings = load(
        RuntimeSettings,
        {"KAFKA_BOOTSTRAP": bootstrap, "FLOWS_TOPIC_PREFIX": prefix, "FLOWS_TOPIC_PARTITIONS": str(partitions)},
    )
    await make_topics(settings, ALL)
    producer = Producer(settings)
    await producer.start()
    try:
        yield Kafka(settings, producer)
    finally:
        await producer.stop()


@dataclass
class Worker:
    """`python -m services.actions`, or another module, as a process of its own. Its log is a file."""

    environ: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    python: str = sys.executable
    module: str = "services.actions"

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", self.module], env=self.environ, stdin=subprocess.DEVNULL, stderr=log
            )

    def kill(self) -> None:
        """SIGKILL it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM it; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def logged(self) -> str:
        """What it has logged so far."""
        return self.log.read_text() if self.log.exists() else ""

    async def says(self, text: str, seconds: float = 30) -> None:
        """Wait until its log holds a text."""
        until = time.monotonic() + seconds
        while text not in self.logged():
            assert time.monotonic() < until, f"{text!r} is not logged:\n{self.logged()[-3000:]}"
            assert self.process is None or self.process.poll() is None, self.logged()[-3000:]
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def worker(
    kafka: Kafka,
    folder: Path,
    destination: str,
    database: str,
    limits: str = "{}",
    *,
    idempotency: str = KEYED,
    more: str = "",
    **variables: str,
) -> Iterator[Worker]:
    """A worker whose connections `crm` and `closum` lead to the destination; not started yet, ended with the block.

    `limits` and `idempotency` are those of `crm`, `more` further connections, all as YAML.
    """
    connections = folder / "connections.yaml"
    (folder / "crm-token").write_text(ASCII_SECRET + "\n")
    connections.write_text(
        "connections:\n"
        "  crm:\n"
        f"    base_url: {destination}/crm\n"
        f"    limits: {limits}\n"
        f"{idempotency}"
        f"    authentication: {{ bearer: {{ file: {folder / 'crm-token'} }} }}\n"
        "  closum:\n"
        f"    base_url: {destination}/v2/\n"
        "    authentication: { query: api-key, secret: { env: TEST_CLOSUM_KEY } }\n"
        f"{more}"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOWS_")}
    environ |= {
        "KAFKA_BOOTSTRAP": kafka.settings.kafka_bootstrap,
        "DATABASE_URL": database,
        "FLOWS_TOPIC_PREFIX": kafka.settings.topic_prefix,
        "FLOWS_CONNECTIONS_FILE": str(connections),
        "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
        "FLOWS_INSTANCE_ID": "actions-0",
        "TEST_CLOSUM_KEY": SECRET,
        "FLOWS_HEALTH_PORT": str(free_port()),
        **variables,
    }
    made = Worker(environ, folder / f"{uuid.uuid4().hex}.log")
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()
