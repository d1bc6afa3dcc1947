"""What tests of services/ingest share: a gateway without Kafka, and the real process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import Counter
from starlette.types import ASGIApp

from contracts.topics import Topic
from contracts.triggers.registry import TRIGGERS
from deploy.local.ports import free_port
from services.ingest.app import build, core
from services.ingest.event_publisher import EventPublisher
from services.ingest.http_problems import Refused
from services.ingest.proofs import Proofs
from services.ingest.readers.single_payload import SinglePayload
from services.ingest.settings import IngestSettings
from services.ingest.sources.hook import Hook, Hooks
from services.ingest.sources.load import Sources
from services.runtime.kafka import Headers, OutgoingRecord

TOKEN = "whatsapp-0123456789abcdef"
LEADS_TOKEN = "leads-0123456789abcdef"
EVENTS_TOKEN = "events-0123456789abcdef"
WHATSAPP = f"/v1/hooks/whatsapp/{TOKEN}"
LEADS = f"/v1/hooks/leads/{LEADS_TOKEN}"
BEARER = {"Authorization": f"Bearer {EVENTS_TOKEN}"}
SOURCES = """\
sources:
  whatsapp:
    trigger: closum.whatsapp.message_received
    token: { env: HOOK_TOKEN_WHATSAPP }
  leads:
    trigger: closum.lead.created
    token: { env: HOOK_TOKEN_LEADS }
"""


class Recorder(EventPublisher):
    """A publisher that keeps what it gets, or refuses it as it is told."""

    def __init__(self, settings: IngestSettings) -> None:
        super().__init__(settings)
        self.records: list[tuple[bytes, dict[str, Any]]] = []
        self.others: list[tuple[Topic, dict[str, Any], Headers]] = []
        self.refuse: Refused | Exception | None = None

    async def publish(self, key: bytes, event: bytes, accepted: Counter) -> None:
        """Keep one record."""
        if self.refuse is not None:
            raise self.refuse
        accepted.inc()
        self.records.append((key, json.loads(event)))

    async def put(self, output: OutgoingRecord) -> None:
        """Keep one record of another topic."""
        if self.refuse is not None:
            raise self.refuse
        try:
            value = json.loads(output.value or b"null")
        except ValueError:
            value = output.value  # a body that was refused because it is no JSON
        self.others.append((output.topic, value, list(output.headers or ())))
        output.on_acknowledged()


def hooks() -> Hooks:
    """The two hooks of the example sources file."""
    return Hooks(
        [
            Hook("whatsapp", SinglePayload(TRIGGERS["closum.whatsapp.message_received"]), (TOKEN.encode(),)),
            Hook("leads", SinglePayload(TRIGGERS["closum.lead.created"]), (LEADS_TOKEN.encode(),), "porto"),
        ]
    )


def application(
    sources: Sources | None = None, proofs: Proofs | None = None, **settings: Any
) -> tuple[ASGIApp, Recorder]:
    """The gateway over a Recorder, with the two hooks of the example sources file or with other sources."""
    loaded = IngestSettings(**{"events_token": EVENTS_TOKEN, **settings})
    recorder = Recorder(loaded)
    shared = core(loaded, recorder)
    return build(loaded, sources or Sources(hooks()), replace(shared, proofs=proofs or shared.proofs)), recorder


def client(app: ASGIApp) -> httpx.AsyncClient:
    """A client of an application in this process. What the application raises becomes a 500, as on a server."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://ingest")


@dataclass
class Ingest:
    """The real process."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    health_port: int
    bound: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where hooks are sent to."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        answer: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.health_port}/readyz", trust_env=False).json()
        return answer

    def until_ready(self, seconds: float = 20) -> None:
        """Wait for Kafka to be there."""
        eventually(lambda: bool(self.ready()["ready"]), seconds, self.text)

    def text(self) -> str:
        """The log so far."""
        return self.log.read_text()

    def terminate(self) -> None:
        """SIGTERM; returns at once."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = 30) -> int:
        """Wait for the end; its exit code."""
        return self.process.wait(seconds)


def eventually(true: Any, seconds: float, about: Any) -> None:
    """Poll until `true()`; fail with `about()`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, about()
        time.sleep(0.05)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a process: the example sources file in `folder`, free ports, and `settings`."""
    sources = folder / "sources.yaml"
    if not sources.exists():
        sources.write_text(SOURCES)
    port = free_port()
    own = {
        "HOOK_TOKEN_WHATSAPP": TOKEN,
        "HOOK_TOKEN_LEADS": LEADS_TOKEN,
        "FLOWS_EVENTS_TOKEN": EVENTS_TOKEN,
        "FLOWS_SOURCES_FILE": str(sources),
        "FLOWS_INGEST_PORT": str(port),
        "FLOWS_HEALTH_PORT": str(free_port(besides=frozenset({port}))),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOWS_")}
    return inherited | own | settings


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Ingest]:
    """The process, listening; Kafka may be away. Killed at the end if it still runs."""
    environ = environment(folder, **settings)
    log = folder / "ingest.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "services.ingest"], env=environ, stdout=output, stderr=output)
    ingest = Ingest(process, log, int(environ["FLOWS_INGEST_PORT"]), int(environ["FLOWS_HEALTH_PORT"]))
    try:
        eventually(lambda: listening(ingest) or process.poll() is not None, 30, ingest.text)
        assert process.poll() is None, ingest.text()
        yield ingest
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def listening(ingest: Ingest) -> bool:
    """Whether the gateway answers by HTTP."""
    try:
        return httpx.get(ingest.url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
