"""All parts of one seed: real Kafka, PostgreSQL and services as processes; network and destinations are ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from contracts.topics import ALL
from deploy.local import KafkaServer, PostgresServer
from deploy.local.ports import LOOPBACK, free_port
from services.cli.deployments import deployed
from services.runtime import database
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.chaos.destination import Destination
from tests.chaos.load import KINDS, REQUEST_SECONDS, Load
from tests.chaos.network import Link
from tests.chaos.plan import CONNECTIONS, KAFKA, SERVICES, Trouble
from tests.chaos.processes import Service

FLOWS = Path(__file__).parent / "flows"
TOKEN = "chaos-0123456789abcdef"
KEYED = frozenset({"crm", "books", "steady"})
CALL_SECONDS = 4.0
STALL_SECONDS = 1.0
READY_SECONDS = 60.0
PARTITIONS = 6


class LinkedKafka(KafkaServer):
    """A broker that tells its clients the address of a link to it."""

    def __init__(self, directory: Path, link: Link) -> None:
        super().__init__(directory, port=link.target)
        self._link = link

    def _write_configuration(self, chosen: dict[str, int]) -> None:
        super()._write_configuration(chosen)
        own, told = (
            f"advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}" for port in (chosen["client"], self._link.port)
        )
        self._configuration.write_text(self._configuration.read_text().replace(own, told))


@dataclass(frozen=True, slots=True)
class Past:
    """A trouble that was, by time.time()."""

    trouble: Trouble
    began: float
    ended: float


@dataclass
class World:
    """Everything that runs, by name."""

    folder: Path
    kafka: KafkaServer
    postgres: PostgresServer
    links: dict[str, Link]
    destinations: dict[str, Destination]
    settings: RuntimeSettings
    session: aiohttp.ClientSession
    services: dict[str, Service] = field(default_factory=dict)
    past: list[Past] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When this process stood still, and with it the destinations and the network: from, to, by time.time()."""

    @property
    def load(self) -> Load:
        """New senders."""
        ports = [self.services[name].environ["FLOWS_INGEST_PORT"] for name in ("ingest-0", "ingest-1")]
        urls = {kind: [f"http://{LOOPBACK}:{port}/v1/hooks/{kind}/{TOKEN}" for port in ports] for kind in KINDS}
        return Load(urls, self.session)

    @property
    def url(self) -> str:
        """PostgreSQL, past the network."""
        return self.postgres.url

    def service(self, name: str, link: Link | None = None) -> Service:
        """One that is not started yet; its PostgreSQL is at the end of a link."""
        ports = [free_port()]
        ports.append(free_port(besides=frozenset(ports)))
        address = urlsplit(self.url)
        netloc = address.netloc if link is None else address.netloc.replace(f":{address.port}", f":{link.port}")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("FLOWS_")} | {
            "KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "DATABASE_URL": address._replace(netloc=netloc).geturl(),
            "FLOWS_TOPIC_PREFIX": self.settings.topic_prefix,
            "FLOWS_INSTANCE_ID": name,
            "FLOWS_HEALTH_PORT": str(ports[0]),
            "FLOWS_INGEST_PORT": str(ports[1]),
            "FLOWS_SOURCES_FILE": str(FLOWS / "sources.yaml"),
            "FLOWS_CONNECTIONS_FILE": str(self.folder / "connections.yaml"),
            "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
            "FLOWS_CALL_SECONDS": f"{CALL_SECONDS:g}",
            "FLOWS_PARK_SECONDS": "1",
            "FLOWS_VERIFY_SECONDS": "15",
            "FLOWS_DRAIN_SECONDS": "10",
            "HOOK_TOKEN_CHAOS": TOKEN,
            "CHAOS_SECRET": "s3cret",
        }
        return Service(name, environ, self.folder / f"{name}.log", ports[0])

    async def deploy(self, version: int) -> None:
        """Every flow, as this version."""
        place = self.folder / f"flows-{version}"
        shutil.copytree(FLOWS, place, dirs_exist_ok=True)
        file = place / "chaos.yaml"
        file.write_text(file.read_text().replace("v: 1 }", f"v: {version} }}"))
        await asyncio.to_thread(deployed, [place], self.folder / "connections.yaml", self.url, alone=True)

    @contextlib.contextmanager
    def noted(self, trouble: Trouble) -> Iterator[None]:
        """Remember when it was."""
        began = time.time()
        try:
            yield
        finally:
            self.past.append(Past(trouble, began, time.time()))

    def faults(self) -> list[str]:
        """What services did that they must not do."""
        return [fault for service in self.services.values() for fault in service.faults]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """All of it, ready, with flows deployed. Nothing of it runs after the block, however that ends."""
    async with contextlib.AsyncExitStack() as stack:
        link = Link(free_port())
        await link.start()
        stack.push_async_callback(link.close)
        kafka, postgres = LinkedKafka(folder / KAFKA, link), PostgresServer(folder / "postgres")
        stack.callback(kafka.kill)
        stack.callback(postgres.stop)
        await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(postgres.start))
        environ = {
            "KAFKA_BOOTSTRAP": f"{LOOPBACK}:{link.port}",
            "DATABASE_URL": postgres.url,
            "FLOWS_TOPIC_PREFIX": "chaos.",
            "FLOWS_TOPIC_PARTITIONS": str(PARTITIONS),
        }
        settings = load(RuntimeSettings, environ)
        await asyncio.gather(make_topics(settings, ALL), _tables(postgres.url))
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        made = World(folder, kafka, postgres, {KAFKA: link}, {}, settings, session)
        watching = asyncio.ensure_future(watch_stalls(made.stalls))
        stack.callback(watching.cancel)
        for name in (*CONNECTIONS, "steady"):
            destination = made.destinations[name] = Destination(name, name in KEYED)
            await destination.start()
            stack.push_async_callback(destination.close)
            made.links[name] = await _linked(stack, destination.port)
        _write_connections(made)
        await made.deploy(1)
        for name in SERVICES:
            made.links[name] = await _linked(stack, postgres.port)
            service = made.services[name] = made.service(name, made.links[name])
            stack.callback(service.kill)
            service.start()
        keeping = asyncio.gather(*(service.keep() for service in made.services.values()))
        stack.push_async_callback(_cancelled, keeping)
        await all_ready(made, READY_SECONDS)
        yield made


async def watch_stalls(stalls: list[tuple[float, float]]) -> None:
    """Note when this process does nothing for longer than a second, as on a crowded machine."""
    while True:
        began = time.time()
        await asyncio.sleep(0.1)
        if (ended := time.time()) - began > STALL_SECONDS:
            stalls.append((began, ended))


async def all_ready(made: World, seconds: float) -> None:
    """Return when every service says so. Raises AssertionError, naming those that do not."""
    end = time.monotonic() + seconds
    waiting = list(SERVICES)
    while waiting := [name for name in waiting if not await made.services[name].ready(made.session)]:
        assert time.monotonic() < end, f"not ready after {seconds:.0f} s: {', '.join(waiting)}"
        await asyncio.sleep(0.1)


async def _linked(stack: contextlib.AsyncExitStack, port: int) -> Link:
    link = Link(port)
    await link.start()
    stack.push_async_callback(link.close)
    return link


async def _cancelled(work: asyncio.Future[list[None]]) -> None:
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _tables(url: str) -> None:
    await database.migrate(url)
    connection = await asyncpg.connect(url)
    try:
        # What a killed process has written the kernel has: only a killed machine loses it, and none is killed here.
        await connection.execute("alter system set fsync = off")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()


def _write_connections(made: World) -> None:
    lines = ["connections:"]
    for name, destination in made.destinations.items():
        lines += [
            f"  {name}:",
            f"    base_url: http://{LOOPBACK}:{made.links[name].port}",
            "    authentication: { bearer: { env: CHAOS_SECRET } }",
            *(["    idempotency: { header: Idempotency-Key, for: 24h }"] if destination.keyed else []),
        ]
    (made.folder / "connections.yaml").write_text("\n".join(lines) + "\n")
