"""The process `python -m services.tools` for tests: started, asked, ended by its own handle; and topics read whole."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contracts.events import Event
from contracts.topics import EVENTS, Topic
from services.runtime import database, kafka
from services.runtime.settings import RuntimeSettings
from services.tools.settings import ToolsSettings
from tests.support import batches

PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class ToolsProcess:
    """One replica."""

    settings: ToolsSettings
    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    python: str = sys.executable

    @property
    def log(self) -> Path:
        """What it wrote on stderr, over all its starts."""
        return self.folder / f"{self.settings.instance_id}.log"

    def start(self) -> None:
        """Start it; `ready` waits for it."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOWS_")}
        environ |= {
            "KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "DATABASE_URL": self.settings.database_url,
            "FLOWS_TOPIC_PREFIX": self.settings.topic_prefix,
            "FLOWS_INSTANCE_ID": self.settings.instance_id or "",
            "FLOWS_HEALTH_PORT": str(self.settings.health_port),
            "FLOWS_DRAIN_SECONDS": "10",
        }
        if self.settings.flows_dir is not None:
            environ["FLOWS_FLOWS_DIR"] = str(self.settings.flows_dir)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.python, "-m", "services.tools"], env=environ | self.more, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; answer the exit code. A process that has ended already answers with that of then."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def get(self, path: str) -> tuple[int, str]:
        """Ask its health port; (0, the cause) while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.settings.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    async def until(self, path: str, wanted: Callable[[int, str], bool]) -> str:
        """Poll a path until its answer is as wanted."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, body = await asyncio.to_thread(self.get, path)
            if wanted(status, body):
                return body
            assert self.process is not None
            assert self.process.poll() is None, f"it ended: {self.log.read_text()[-3000:]}"
            assert time.monotonic() < end, f"{path} still answers {status} {body!r}; {self.log.read_text()[-3000:]}"
            await asyncio.sleep(0.1)

    async def ready(self) -> None:
        """Return when it says that it is ready."""
        await self.until("/readyz", lambda status, _: status == 200)


@asynccontextmanager
async def stack(
    bootstrap: str, url: str, prefix: str, folder: Path, *flows: str, partitions: int = 4
) -> AsyncIterator[ToolsProcess]:
    """Topics, migrations, flow files and one replica that is not started yet; ended with the block."""
    flows_dir = folder / "flows"
    flows_dir.mkdir()
    for number, text in enumerate(flows):
        (flows_dir / f"{number}.yaml").write_text(text)
    settings = ToolsSettings(
        kafka_bootstrap=bootstrap,
        database_url=url,
        topic_prefix=prefix,
        topic_partitions=partitions,
        instance_id="tools-0",
        flows_dir=flows_dir,
        health_port=free_port(),
    )
    await database.migrate(url)
    await kafka.make_topics(settings)
    replica = ToolsProcess(settings, folder)
    try:
        yield replica
    finally:
        replica.kill()


async def send(settings: RuntimeSettings, events: Sequence[Event | bytes], *, topic: Topic = EVENTS) -> None:
    """Produce events, or whatever bytes, in order; return when all are acknowledged."""
    producer = kafka.Producer(settings)
    await producer.start()
    try:
        sent = []
        for each in events:
            key, value = (each.key, each.to_bytes()) if isinstance(each, Event) else (b"default/contact-1", each)
            sent.append(await producer.send(topic, key, value, [("origin", b"elsewhere")]))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read(
    settings: RuntimeSettings,
    topic: Topic,
    enough: Callable[[list[ConsumerRecord]], bool],
    seconds: float = PATIENCE_SECONDS,
) -> list[ConsumerRecord]:
    """All records of a topic from its beginning, as soon as they are enough."""
    consumer = AIOKafkaConsumer(
        topic.under(settings.topic_prefix),
        bootstrap_servers=settings.kafka_bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    found: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(seconds):
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    except TimeoutError:
        raise AssertionError(f"not enough in {topic.name}: {len(found)} records") from None
    finally:
        await consumer.stop()
    return found


def event_id(request: ConsumerRecord) -> str:
    """The event that an action request is for."""
    found: str = orjson.loads(request.value)["run"]["event"]["id"]
    return found


def all_of(count: int) -> Callable[[list[ConsumerRecord]], bool]:
    """Whether action requests for so many different events are there."""
    return lambda found: len(found) >= count and len({event_id(one) for one in found}) >= count


def out_of_order(requests: Sequence[ConsumerRecord]) -> list[str]:
    """Events whose first request came after one of a later event under the same key. Ids are numbers."""
    seen: set[str] = set()
    latest: dict[bytes, int] = {}
    wrong = []
    for one in requests:
        identity = event_id(one)
        if identity not in seen:
            seen.add(identity)
            if latest.get(one.key, -1) > int(identity):
                wrong.append(identity)
            latest[one.key] = int(identity)
    return wrong


def story(prefix: str, count: int) -> list[Event]:
    """Events of one source that no other test has: 0, 1, 2 and so on, over a few contacts."""
    return [batches.event(number, source=f"/hooks/{prefix}") for number in range(count)]
