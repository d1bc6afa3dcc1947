"""Kafka and PostgreSQL together: started at the same time, or the ones that the environment names."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import PartError
from deploy.local.kafka import KafkaServer
from deploy.local.local_server import LocalServer
from deploy.local.postgres import PostgresServer, reach
from deploy.local.progress import Progress, silent

DIRECTORY = Path(".flows")
_REACH_SECONDS = 5.0
_KAFKA_PORT = 9092


@dataclass(frozen=True)
class LocalParts:
    """Where both are. A server is None when the environment names one instead."""

    kafka_bootstrap: str
    database_url: str
    kafka: KafkaServer | None
    postgres: PostgresServer | None


@contextlib.contextmanager
def parts(
    directory: Path = DIRECTORY,
    *,
    kafka_port: int | None = None,
    postgres_port: int | None = None,
    progress: Progress = silent,
    environ: Mapping[str, str] | None = None,
) -> Iterator[LocalParts]:
    """Kafka and PostgreSQL, running, with their data in `directory`; stopped at the end, also after an error.

    KAFKA_BOOTSTRAP or DATABASE_URL in `environ` (default: the process's) is taken instead of starting that one.

    Raises:
        PartError: One does not start, or one that is named does not answer.
    """
    environ = os.environ if environ is None else environ
    bootstrap = environ.get("KAFKA_BOOTSTRAP", "")
    url = environ.get("DATABASE_URL", "")
    abandoned = threading.Event()

    def told(part: str, text: str) -> None:
        if abandoned.is_set():
            raise PartError(f"the start of {part} was abandoned")
        progress(part, text)

    kafka = None if bootstrap else KafkaServer(directory / "kafka", port=kafka_port, progress=told)
    postgres = None if url else PostgresServer(directory / "postgres", port=postgres_port, progress=told)
    if bootstrap:
        _reach(bootstrap)
    if url:
        reach(url)
    servers = [server for server in (kafka, postgres) if server is not None]
    try:
        _start_all(servers, abandoned)
        yield LocalParts(kafka.bootstrap if kafka else bootstrap, postgres.url if postgres else url, kafka, postgres)
    finally:
        _stop_all(servers)


def _start_all(servers: Sequence[LocalServer], abandoned: threading.Event) -> None:
    """Start them at once. The first error, or Ctrl-C, abandons the others and is raised."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        starts = [pool.submit(server.start) for server in servers]
        try:
            done, _ = wait(starts, return_when=FIRST_EXCEPTION)
            for start in done:
                start.result()
        except BaseException:
            abandoned.set()  # noticed at the next word of progress; the pool waits for that
            raise


def _stop_all(servers: Sequence[LocalServer]) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        for stop in [pool.submit(server.stop) for server in servers]:
            stop.result()


def _reach(bootstrap: str) -> None:
    """Fail early when no server of `bootstrap` accepts connections. No more than that: it may want a password."""
    causes = []
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            number = int(port) if host else _KAFKA_PORT
            with socket.create_connection((host.strip("[]") or port, number), timeout=_REACH_SECONDS):
                return
        except (OSError, ValueError, OverflowError) as error:
            causes.append(f"{address.strip()!r}: {error}")
    raise PartError(f"KAFKA_BOOTSTRAP names no Kafka that answers ({'; '.join(causes)}): correct it, or unset it")
