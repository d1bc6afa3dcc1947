"""The flows with their events on the real parts: ingest, tools and actions as processes, over Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import orjson
from aiohttp import web

from contracts.runs import HistoryRecord
from contracts.topics import ALL, HISTORY
from deploy.local.ports import LOOPBACK, free_port
from services.actions.connections.connection import Connection
from services.cli.deployments import deployed
from services.project.connections_file import usable_connections
from services.runtime.kafka import make_topics
from services.runtime.kafka.consumers import reader
from services.runtime.settings import RuntimeSettings, load
from tests.chaos.processes import Service
from tests.parity.scenario import SOURCES, TOKEN, Played, Scenario
from tests.parity.script import CALL_SECONDS, Fate, Script
from tests.parity.told import REFUSED, WAITS, Ended, Told

SERVICES = ("ingest", "tools", "actions")
SECRET = "parity-0123456789abcdef"
READY_SECONDS = 60.0
SETTLED_SECONDS = float(os.environ.get("S", "12"))
ACCEPTED = 202
POLL_SECONDS = 0.05
ATTEMPT = b'{"kind":"attempt"'

Place = tuple[str, str]
"""A flow and an event's id."""


class Destination:
    """Notes each request of each flow, and answers as its script says."""

    def __init__(self, seed: int) -> None:
        self.told: defaultdict[str, Told] = defaultdict(Told)
        self._seed = seed
        self._scripts: dict[str, Script] = {}
        self.port = 0

    def base(self, flow: str) -> str:
        """Where the flow's connection leads to."""
        return f"http://{LOOPBACK}:{self.port}/{flow}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note it and answer."""
        body = await request.read()
        raw = request.raw_path
        flow = raw.split("/")[1].partition("?")[0]
        base = self.base(flow)
        address = f"http://{LOOPBACK}:{self.port}{raw}"
        self.told[flow].request(request.method, address, request.headers, body, base)
        script = self._scripts.setdefault(flow, Script(self._seed, flow))
        said = script.answer(address.removeprefix(base).partition("?")[0])
        if said.fate is Fate.LATE:
            await asyncio.sleep(CALL_SECONDS + 1.0)
        if said.fate is not Fate.ANSWERED and request.transport is not None:  # whoever waited too long is gone
            request.transport.close()
        return web.Response(status=said.status, headers=said.headers, body=said.body)


@dataclass
class Stack:
    """All that runs, and what is known of runs."""

    made: Scenario
    destination: Destination
    connections: Mapping[str, Connection]
    session: aiohttp.ClientSession
    services: dict[str, Service]
    ingest: str
    ends: defaultdict[Place, list[HistoryRecord]] = field(default_factory=lambda: defaultdict(list))
    _flow_of: dict[str, str] = field(default_factory=dict)
    waiting: dict[Place, bytes] = field(default_factory=dict)
    """Runs that wait for long, each with its timer."""

    async def play(self, one: Played) -> Told:
        """All events of a flow, each when the one before has come to its end or to a wait."""
        told = self.destination.told[one.name]
        seen: list[Place | None] = []
        ids: dict[str, str] = {}
        for sent in one.sent:
            # What came before is settled, so that neither an end nor a wait of it is under way.
            earlier = ids.get(sent.label, "")
            before, timer = len(self.ends[one.name, earlier]), self.waiting.get((one.name, earlier))
            hook = f"{one.name}-reply" if sent.reply else one.name
            async with self.session.post(f"{self.ingest}/v1/hooks/{hook}/{SECRET}", json=sent.body) as answer:
                told_id = (await answer.json()).get("id")
                refused = answer.status != ACCEPTED
            if not sent.reply and not refused:
                ids.setdefault(sent.label, told_id)
                self._flow_of[told_id] = one.name
            place = (one.name, earlier if sent.reply else told_id)
            seen.append(None if refused else place)
            if refused or (sent.reply and timer is None):
                continue
            if not await _until(partial(self._moved, place, before, timer)):
                break
        seen += [None] * (len(one.sent) - len(seen))
        told.ends = [self._end(seen, number, one) for number in range(len(seen))]
        return told

    def _end(self, seen: list[Place | None], number: int, one: Played) -> Ended | None:
        place = seen[number]
        if place is None:
            return REFUSED
        if one.sent[number].reply:
            return None
        again = any(seen[other] == place and not one.sent[other].reply for other in range(number))
        found = [each for each in self.ends[place] if (each.outcome == "duplicate") == again]
        if not found:
            return WAITS if place in self.waiting else None
        end = found[0]
        reason = end.reason and end.reason.replace(self.destination.base(one.name), "")
        return Ended.of(end.outcome.value, end.code and end.code.value, end.step, reason)

    def _moved(self, place: Place, ends: int, timer: bytes | None) -> bool:
        """Whether the run has ended, or waits where it did not."""
        return len(self.ends[place]) > ends or self.waiting.get(place, timer) != timer

    async def follow(self, settings: RuntimeSettings) -> None:
        """Read ends as they come, until cancelled."""
        consumer = reader(settings, HISTORY.under(settings.topic_prefix), auto_offset_reset="earliest")
        await consumer.start()
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        if record.value is not None and not record.value.startswith(ATTEMPT):
                            end = HistoryRecord.read(record.value)
                            # An event that came again begins no run. Its id is of one flow's source, as all are.
                            flow = self._flow_of.setdefault(end.event_id, end.flow or "")
                            self.ends[flow, end.event_id].append(end)
        finally:
            await consumer.stop()

    async def watch(self, url: str) -> None:
        """Look at the waits, until cancelled."""
        connection = await asyncpg.connect(url)
        try:
            while True:
                rows = await connection.fetch(
                    "select id, flow, run from timers where due > now() + interval '1 minute'"
                )
                self.waiting = {(row["flow"], orjson.loads(row["run"])["event"]["id"]): row["id"].bytes for row in rows}
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def stack(bootstrap: str, database_url: str, prefix: str, made: Scenario) -> AsyncIterator[Stack]:
    """All parts, ready, with the flows deployed. The database has all tables. Nothing runs after the block."""
    async with contextlib.AsyncExitStack() as parts:
        destination = Destination(made.seed)
        runner = web.ServerRunner(web.Server(destination.handle, access_log=None), shutdown_timeout=0.5)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, LOOPBACK, 0).start()
        destination.port = runner.addresses[0][1]
        file = made.folder / "connections.yaml"
        file.write_text(orjson.dumps(_connections(made, destination)).decode())
        environ = {"KAFKA_BOOTSTRAP": bootstrap, "DATABASE_URL": database_url, "FLOWS_TOPIC_PREFIX": prefix}
        environ["FLOWS_TOPIC_PARTITIONS"] = "2"
        settings = load(RuntimeSettings, environ)
        await make_topics(settings, ALL)
        await asyncio.to_thread(deployed, [made.folder / "flows"], file, database_url, alone=True)
        services = {name: _service(name, made.folder, environ) for name in SERVICES}
        for service in services.values():
            parts.callback(service.kill)
            service.start()
        session = await parts.enter_async_context(aiohttp.ClientSession())
        ingest = f"http://{LOOPBACK}:{services['ingest'].environ['FLOWS_INGEST_PORT']}"
        running = Stack(made, destination, usable_connections(file, {}), session, services, ingest)
        for work in (running.follow(settings), running.watch(database_url)):
            parts.push_async_callback(_cancelled, asyncio.ensure_future(work))
        await _ready(running)
        yield running


def _connections(made: Scenario, destination: Destination) -> dict[str, object]:
    """One a flow; every third honours a key, every fifth says failures inside of 200."""
    found: dict[str, object] = {}
    for number, one in enumerate(made.flows):
        entry: dict[str, object] = {"base_url": destination.base(one.name)}
        if number % 3 == 0:
            entry["idempotency"] = {"header": "Idempotency-Key", "for": "24h"}
        found[one.name] = entry
    return {"connections": found}


def _service(name: str, folder: Path, environ: Mapping[str, str]) -> Service:
    ports = [free_port()]
    ports.append(free_port(besides=frozenset(ports)))
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLOWS_")}
    own = {
        "FLOWS_INSTANCE_ID": f"{name}-0",
        "FLOWS_HEALTH_PORT": str(ports[0]),
        "FLOWS_INGEST_PORT": str(ports[1]),
        "FLOWS_SOURCES_FILE": str(folder / "flows" / SOURCES),
        "FLOWS_CONNECTIONS_FILE": str(folder / "connections.yaml"),
        "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
        "FLOWS_CALL_SECONDS": f"{CALL_SECONDS:g}",
        "FLOWS_VERIFY_SECONDS": "0",
        TOKEN: SECRET,
    }
    return Service(name, {**inherited, **environ, **own}, folder / f"{name}.log", ports[0])


async def _ready(running: Stack) -> None:
    end = time.monotonic() + READY_SECONDS
    waiting = list(SERVICES)
    while waiting := [name for name in waiting if not await running.services[name].ready(running.session)]:
        assert time.monotonic() < end, f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}"
        await asyncio.sleep(0.1)


async def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + SETTLED_SECONDS
    while not true():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def _cancelled(work: asyncio.Future[None]) -> None:
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
