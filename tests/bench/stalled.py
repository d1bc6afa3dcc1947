"""Connections that stand still on one source, and what another source's senders notice of them, over real Kafka.

Each stalled connection has shown no proof. The kinds: a head that announces the largest body, one of whose body a byte
came, or 8 kB, and a head that does not end. Who is told to go comes again after a second. Prints p50 and p99 of the
acknowledgement without and with them, the memory, and ends with 1 when another source got anything but 202, or its p99
is over 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from contracts.topics import EVENTS, HISTORY
from deploy.local import on_stderr
from deploy.local.kafka_and_postgres import parts
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.bench.ingest import memory, send
from tests.support.ingest import SOURCES, Ingest, running

STALLED = 2_000
COUNT = 3_000
SENDERS = 2
ADDRESSES = 8  # of one the gateway holds half as many
PACE_SECONDS = 0.001
AGAIN_SECONDS = 1.0  # as the answer says: Retry-After
MOST_MS = 100.0
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
SIGNED = """\
  signed: { trigger: closum.lead.created, authentication: { preset: github, secret: { env: SIGNED_SECRET } } }
"""
HEAD = b"POST /v1/hooks/signed HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\nContent-Length: 262144\r\n"
KINDS = (HEAD + b"\r\n", HEAD + b"\r\n{", HEAD + b"\r\n" + b" " * 8_000, HEAD + b"X-Long: " + b"x" * 16_000)


async def silent(number: int, port: int, said: bytes, answers: list[bytes]) -> None:
    """One connection that says what it has to say and nothing more. When it is told to go it comes again."""
    address = f"127.0.0.{2 + number % ADDRESSES}"
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            try:
                writer.write(said)
                while head := await reader.read(4096):
                    answers += STATUS.findall(head)
            finally:
                writer.transport.abort()
        await asyncio.sleep(AGAIN_SECONDS)


async def stall(ingest: Ingest, count: int, kind: bytes, first: int) -> tuple[dict[str, Any], float, list[bytes]]:
    """What another source's senders measure while so many stand still, the memory then, and what these are told."""
    answers: list[bytes] = []
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(silent(number, ingest.port, kind, answers)))
        await asyncio.sleep(PACE_SECONDS)
    measured = await asyncio.to_thread(send, ingest, COUNT, first, SENDERS)
    used = memory(ingest)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return measured, used, answers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stalled", description=__doc__)
    parser.add_argument("--stalled", type=int, default=STALLED, help="connections of each kind (default %(default)s)")
    stalled = parser.parse_args().stalled
    wrong = 0
    with tempfile.TemporaryDirectory() as name, parts(Path(name), progress=on_stderr()) as found:
        own = {"KAFKA_BOOTSTRAP": found.kafka_bootstrap, "DATABASE_URL": found.database_url}
        asyncio.run(migrate(found.database_url))
        asyncio.run(make_topics(load(RuntimeSettings, own), [EVENTS, HISTORY]))
        (Path(name) / "sources.yaml").write_text(SOURCES + SIGNED)
        with running(Path(name), **own, SIGNED_SECRET="signed-0123456789abcdef") as ingest:
            ingest.until_ready()
            send(ingest, COUNT, 0, SENDERS)
            told = "none stands still"
            for number, kind in enumerate((b"", *KINDS), 1):
                count = stalled if kind else 0
                measured, used, answers = asyncio.run(stall(ingest, count, kind, number * COUNT))
                told = f"{count} x {len(kind):6} bytes" if kind else told
                print(
                    f"{told:28} p50 {measured['p50_ms']:6.1f} ms   p99 {measured['p99_ms']:6.1f} ms   "
                    f"{used:6.1f} MB   {json.dumps(measured['statuses'])}   told to go: "
                    f"{ {answer.decode(): answers.count(answer) for answer in sorted(set(answers))} }",
                    flush=True,
                )
                wrong += measured["statuses"] != {"202": COUNT} or measured["p99_ms"] > MOST_MS
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
