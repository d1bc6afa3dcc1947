"""Kafka and PostgreSQL of a benchmark's own, in a folder that is gone afterwards."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database


@dataclass(frozen=True)
class Servers:
    """`folder` is empty, for what else the benchmark writes."""

    kafka: KafkaServer
    postgres: PostgresServer
    folder: Path

    def prefix(self) -> str:
        """A new prefix of topics."""
        return f"b{uuid.uuid4().hex[:8]}."


@contextmanager
def servers(broker: type[KafkaServer] = KafkaServer) -> Iterator[Servers]:
    """Both run and have our tables. They end with the block. Not to be entered inside an event loop."""
    root = Path(tempfile.mkdtemp(prefix="flows-bench-"))
    kafka, postgres = broker(root / "kafka"), PostgresServer(root / "postgres")
    folder = root / "run"
    folder.mkdir()
    try:
        kafka.start()
        postgres.start()
        asyncio.run(database.migrate(postgres.url))
        yield Servers(kafka, postgres, folder)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(root, ignore_errors=True)
