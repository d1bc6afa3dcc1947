"""Start the whole, in order, and end it, in the other order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from deploy.local.errors import PartError
from deploy.local.kafka_and_postgres import parts
from services.cli.deployments import deployed
from services.cli.stack import leftovers, ready
from services.cli.stack.addresses import Ports
from services.cli.stack.folder import Folder
from services.cli.stack.process import Service, Sink
from services.cli.stack.stopping import Stopping
from services.cli.terminal import CommandError
from services.project.catalogue import stand_in_answers
from services.project.closum_facts import stand_in_facts
from services.project.places import facts_file
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, SettingsError, load

HOST = "127.0.0.1"
END_SECONDS = 12.0
DRAIN_SECONDS = "8"
NETWORK = "127.0.0.0/8"


class Progress(Protocol):
    """Told what is being started. Called from several threads."""

    def __call__(self, part: str, text: str, /) -> None:
        """`part` now does `text`; the last one is `ready`."""


Around = Callable[[str, str], AbstractContextManager[Mapping[str, str]]]
"""From Kafka's and PostgreSQL's address to settings that are laid over the others, for as long as services run."""


def as_they_are(_bootstrap: str, _url: str) -> AbstractContextManager[Mapping[str, str]]:
    """Nothing laid over."""
    return contextlib.nullcontext({})


@dataclass(frozen=True)
class StackPlan:
    """What to start."""

    flows: Path
    ports: Ports
    sources: Path
    connections: Path
    secrets: Mapping[str, str]
    around: Around = as_they_are

    @property
    def alone(self) -> bool:
        """Whether the database is ours alone, so that its flows are those of this plan and no others."""
        return "DATABASE_URL" not in os.environ or self.around is not as_they_are


@dataclass
class Stack:
    """A stack that runs."""

    ports: Ports
    environ: dict[str, str]
    services: dict[str, Service]

    @property
    def ingest(self) -> str:
        """Where events are sent to."""
        return f"http://{HOST}:{self.ports.ingest}"

    @property
    def closum(self) -> str:
        """The stand-in."""
        return f"http://{HOST}:{self.ports.closum}"

    def hook(self, source: str, token: str) -> str:
        """The address of a hook."""
        return f"{self.ingest}/v1/hooks/{source}/{token}"

    def settings(self) -> RuntimeSettings:
        """The settings that the services have."""
        return load(RuntimeSettings, {name: self.environ[name] for name in OUR_NAMES})

    def check(self) -> None:
        """Raise CommandError when a service ended by itself."""
        for service in self.services.values():
            if service.exit_code() is not None:
                raise ready.died(service)


OUR_NAMES = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "FLOWS_TOPIC_PREFIX", "FLOWS_TOPIC_PARTITIONS")


@contextlib.contextmanager
def running(
    folder: Folder, plan: StackPlan, sink: Sink, progress: Progress, stopping: Stopping | None = None
) -> Iterator[Stack]:
    """The whole, ready for events; ended in order with the block. Raises CommandError when a part does not start.

    Stop may be raised within; what is started or ended just then is not left half so.
    """
    leftovers.end(folder.path)
    try:
        with (
            parts(folder.path, progress=progress) as found,
            plan.around(found.kafka_bootstrap, found.database_url) as over,
        ):
            environ = {
                **os.environ,
                **plan.secrets,
                "FLOWS_TOPIC_PREFIX": os.environ.get("FLOWS_TOPIC_PREFIX", "closum."),
                "FLOWS_TOPIC_PARTITIONS": os.environ.get("FLOWS_TOPIC_PARTITIONS", "4"),
                "KAFKA_BOOTSTRAP": found.kafka_bootstrap,
                "DATABASE_URL": found.database_url,
                **over,
                "STACK_FOLDER": str(folder.path),
            }
            environ.pop("FLOWS_FLOWS_DIR", None)  # what is deployed runs
            progress("tables and topics", "being made")
            _prepare({name: environ[name] for name in OUR_NAMES})
            _deploy(plan, environ["DATABASE_URL"])
            progress("tables and topics", "ready")
            yield from _with_services(folder, plan, environ, sink, progress, stopping=stopping or Stopping())
    except PartError as error:
        raise CommandError(str(error)) from None


def _prepare(environ: Mapping[str, str]) -> None:
    """Migrate and make the topics, at the same time."""

    async def both() -> None:
        settings = load(RuntimeSettings, environ)
        await asyncio.gather(migrate(settings.database_url), make_topics(settings))

    try:
        asyncio.run(both())
    except SettingsError as error:
        raise CommandError(f"a setting is wrong.\n{error}") from None
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise CommandError(f"the tables or topics could not be made: {error or 'no answer in time'}") from None


def _deploy(plan: StackPlan, url: str) -> None:
    """Deploy the flows. In a database of others, theirs stay."""
    deployed([plan.flows], plan.connections, url, alone=plan.alone)


def _with_services(
    folder: Folder, plan: StackPlan, environ: dict[str, str], sink: Sink, progress: Progress, *, stopping: Stopping
) -> Iterator[Stack]:
    ports = plan.ports
    services = {
        "closum": Service("closum", "deploy.local.closum", ("--host", HOST, "--port", str(ports.closum))),
        "actions": Service("actions", "services.actions"),
        "tools": Service("tools", "services.tools"),
        "ingest": Service("ingest", "services.ingest"),
    }
    own = {
        "closum": {},
        "actions": {
            "FLOWS_HEALTH_PORT": str(ports.actions_health),
            "FLOWS_CONNECTIONS_FILE": str(plan.connections),
            "FLOWS_EGRESS_ALLOW": ",".join(filter(None, (NETWORK, os.environ.get("FLOWS_EGRESS_ALLOW")))),
        },
        "tools": {"FLOWS_HEALTH_PORT": str(ports.tools_health)},
        "ingest": {
            "FLOWS_HEALTH_PORT": str(ports.ingest_health),
            "FLOWS_INGEST_HOST": HOST,
            "FLOWS_INGEST_PORT": str(ports.ingest),
            "FLOWS_SOURCES_FILE": str(plan.sources),
            "FLOWS_EVENTS_TOKEN": "",
            "FLOWS_EVENTS_TOKENS_FILE": str(folder.event_tokens(plan.secrets["FLOWS_EVENTS_TOKEN"])),
            "FLOWS_DOCS_OPEN": "true",
        },
    }
    known = facts_file()
    of_closum = {} if known is None else {"FLOWS_CLOSUM_FILE": str(known.absolute())}
    common = {**of_closum, "FLOWS_HEALTH_HOST": HOST, "FLOWS_DRAIN_SECONDS": DRAIN_SECONDS, "PYTHONUNBUFFERED": "1"}
    try:
        for name, service in services.items():
            progress(name, "starting")
            with stopping.uncut():
                service.start({**environ, **common, **own[name]}, folder.logs, sink)
        leftovers.note(folder.path, {name: service.pid for name, service in services.items() if service.pid})
        addresses = {
            "closum": f"http://{HOST}:{ports.closum}/_faults",
            "actions": f"http://{HOST}:{ports.actions_health}/readyz",
            "tools": f"http://{HOST}:{ports.tools_health}/readyz",
            "ingest": f"http://{HOST}:{ports.ingest_health}/readyz",
        }
        ready.wait(services, addresses, lambda name: progress(name, "ready"))
        stack = Stack(ports, environ, services)
        told = httpx.post(f"{stack.closum}/_answers", json=stand_in_answers(), trust_env=False, timeout=10)
        told.raise_for_status()
        told = httpx.post(f"{stack.closum}/_facts", json=stand_in_facts(), trust_env=False, timeout=10)
        told.raise_for_status()
        yield stack
    finally:
        with stopping.uncut():
            _end(services)
        (folder.path / leftovers.FILE).unlink(missing_ok=True)


def _end(services: Mapping[str, Service]) -> None:
    """Nothing new comes in, what is in flight is finished, then the destination goes."""
    for together in (("ingest",), ("tools", "actions"), ("closum",)):
        for name in together:
            services[name].ask_to_end()
        deadline = time.monotonic() + END_SECONDS
        for name in together:
            services[name].wait_end(max(0.1, deadline - time.monotonic()))
