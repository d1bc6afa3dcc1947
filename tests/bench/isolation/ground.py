"""The whole stack, whose parts can be struck: Kafka, PostgreSQL, ingest, tools, actions, and the destinations."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.topics import ALL
from deploy.local import KafkaServer
from deploy.local.ports import free_port
from services.cli.deployments import deployed
from services.cli.stack import ready
from services.cli.stack.process import Service
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.bench.isolation.proxy import Proxy, proxy
from tests.support.servers import Servers, servers

ROOT = Path(__file__).parents[3]
TOKEN = "isolation-0123456789abcdef"
PREFIX = "closum."
PARTITIONS = "4"
END_SECONDS = 12.0
SOURCES = """\
sources:
  messages: { trigger: closum.whatsapp.message_received, token: { env: HOOK_TOKEN } }
  forms: { trigger: closum.lead.created, token: { env: HOOK_TOKEN } }
  work: { trigger: closum.contact.updated, token: { env: HOOK_TOKEN } }
  limited: { trigger: closum.contact.updated, token: { env: HOOK_TOKEN }, limits: { requests_per_second: 20 } }
  elsewhere: { trigger: closum.contact.updated, token: { env: HOOK_TOKEN }, account: elsewhere }
"""
CONNECTION = """\
  {name}:
    base_url: http://127.0.0.1:{port}/{name}
    idempotency: {{ header: Idempotency-Key, for: 24h }}
"""
SERVICES = ("actions", "tools", "ingest")
ANSWERS = 200


@dataclass
class Ground:
    """What runs. `proxies`: of Kafka and PostgreSQL, where the ground was made with them."""

    parts: Servers
    destination: int
    ports: Mapping[str, int]
    environ: dict[str, str]
    folder: Path
    proxies: Mapping[str, Proxy]
    services: dict[str, Service] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    """Connections that flows may name, as YAML; `connections.yaml` has them at the start of actions."""

    def hook(self, source: str) -> str:
        """The address of one."""
        return f"http://127.0.0.1:{self.ports['ingest']}/v1/hooks/{source}/{TOKEN}"

    def settings(self) -> RuntimeSettings:
        """Those of the services."""
        names = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "FLOWS_TOPIC_PREFIX", "FLOWS_TOPIC_PARTITIONS")
        return load(RuntimeSettings, {name: self.environ[name] for name in names})

    def rules(self, *rules: Mapping[str, Any]) -> None:
        """Who is ill at the destination from now on; nobody else."""
        asked(self.destination, "/_rules", list(rules))

    def seen(self, first: int, end: int) -> list[float | None]:
        """When calls with these numbers came."""
        found: list[float | None] = asked(self.destination, "/_seen", [first, end])
        return found

    def deploy(self, flows: Mapping[str, str]) -> None:
        """These flows and no others, as `flows deploy` does it. They may name connections that actions has not."""
        place = self.folder / f"flows-{time.monotonic_ns()}"
        known = (self.folder / "connections.yaml").read_text()
        deployed([place], written(place, flows, known), self.parts.postgres.url, alone=True)

    def start(self, name: str) -> None:
        """One of the services; not ready yet."""
        own = {"FLOWS_HEALTH_PORT": str(self.ports[f"{name}_health"]), "FLOWS_INSTANCE_ID": f"{name}-0"}
        service = self.services[name] = Service(name, f"services.{name}")
        service.start(self.environ | own, self.folder / "logs", lambda _name, _line: None)

    def ready(self, *names: str) -> None:
        """Wait until these are."""
        addresses = {name: f"http://127.0.0.1:{self.ports[f'{name}_health']}/readyz" for name in names}
        ready.wait({name: self.services[name] for name in names}, addresses, lambda _name: None)

    def kill(self, name: str) -> None:
        """SIGKILL a service."""
        service = self.services[name]
        assert service.pid is not None
        os.kill(service.pid, signal.SIGKILL)
        service.wait_end(END_SECONDS)

    def revive(self) -> list[str]:
        """Start again what ended by itself, as a supervisor does; those that did."""
        ended = [name for name, service in self.services.items() if service.exit_code() is not None]
        for name in ended:
            self.start(name)
        if ended:
            self.ready(*ended)
        return ended

    def check(self) -> None:
        """Raise CommandError when a service ended by itself."""
        for service in self.services.values():
            if service.exit_code() is not None:
                raise ready.died(service)

    def metric(self, name: str, service: str = "actions") -> float:
        """The sum of a metric's values."""
        url = f"http://127.0.0.1:{self.ports[f'{service}_health']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


class ProxiedKafka(KafkaServer):
    """A broker that clients reach through a proxy: it tells them the proxy's port."""

    proxy_port = 0

    def _write_configuration(self, chosen: dict[str, int]) -> None:
        super()._write_configuration(chosen)
        text = self._configuration.read_text()
        listener = "advertised.listeners=PLAINTEXT://127.0.0.1:"
        self._configuration.write_text(text.replace(f"{listener}{chosen['client']}", f"{listener}{self.proxy_port}"))


def written(place: Path, flows: Mapping[str, str], connections: str) -> Path:
    """These flows, in a folder that is made; and beside it the connections that they may name: these, and `gone`."""
    place.mkdir()
    for name, text in flows.items():
        (place / f"{name}.yaml").write_text(text)
    known = place.with_suffix(".connections")
    known.write_text(connections + CONNECTION.format(name="gone", port=1))
    return known


def connections_of(names: Sequence[str], more: str, port: int) -> str:
    """As YAML: these lead to the destination at a port; `more` is further ones, in which `{port}` is that port."""
    text = "connections:\n" + "".join(CONNECTION.format(name=name, port=port) for name in names)
    return text + more.replace("{port}", str(port))


def asked(port: int, path: str, body: object) -> Any:
    """What the destination answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - ours
        return json.load(answer)


@contextmanager
def ground(flows: Mapping[str, str], connections: Sequence[str], more: str = "", *, proxied: bool) -> Iterator[Ground]:
    """The whole, ready, with these flows and connections (see `connections_of`). All of it ends with the block."""
    with ExitStack() as around:
        kafka = ProxiedKafka if proxied else KafkaServer
        parts = around.enter_context(servers(kafka))
        proxies: dict[str, Proxy] = {}
        bootstrap, url = parts.kafka.bootstrap, parts.postgres.url
        if proxied:
            proxies = {
                "Kafka": around.enter_context(proxy(lambda: parts.kafka.port)),
                "PostgreSQL": around.enter_context(proxy(lambda: parts.postgres.port)),
            }
            assert isinstance(parts.kafka, ProxiedKafka)
            parts.kafka.proxy_port = proxies["Kafka"].port
            parts.kafka.stop()
            parts.kafka.start()
            bootstrap = f"127.0.0.1:{proxies['Kafka'].port}"
            url = url.replace(f":{parts.postgres.port}/", f":{proxies['PostgreSQL'].port}/")
        destination = around.enter_context(destinations())
        names = ("ingest", *(f"{name}_health" for name in SERVICES))
        ports: dict[str, int] = {}
        for name in names:
            ports[name] = free_port(besides=frozenset(ports.values()))
        (parts.folder / "sources.yaml").write_text(SOURCES)
        (parts.folder / "connections.yaml").write_text(connections_of(connections, more, destination))
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOWS_")} | {
            "KAFKA_BOOTSTRAP": bootstrap,
            "DATABASE_URL": url,
            "FLOWS_TOPIC_PREFIX": PREFIX,
            "FLOWS_TOPIC_PARTITIONS": PARTITIONS,
            "FLOWS_CONNECTIONS_FILE": str(parts.folder / "connections.yaml"),
            "FLOWS_SOURCES_FILE": str(parts.folder / "sources.yaml"),
            "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
            "FLOWS_INGEST_PORT": str(ports["ingest"]),
            "HOOK_TOKEN": TOKEN,
            "PYTHONUNBUFFERED": "1",
        }
        made = Ground(parts, destination, ports, environ, parts.folder, proxies)
        asyncio.run(make_topics(made.settings(), ALL))
        made.deploy(flows)
        try:
            for name in SERVICES:
                made.start(name)
            made.ready(*SERVICES)
            yield made
        finally:
            for name in reversed(SERVICES):
                if name in made.services:
                    made.services[name].ask_to_end()
            for service in made.services.values():
                service.wait_end(END_SECONDS)


@contextmanager
def destinations() -> Iterator[int]:
    """Their process; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.isolation.destination", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            end = time.monotonic() + END_SECONDS
            while True:
                try:
                    asked(port, "/_rules", [])
                    break
                except (OSError, urllib.error.URLError):
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()
