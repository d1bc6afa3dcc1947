"""`python -m tests.bench.ingest [--count N] [--minutes M]`: one gateway on one core, acks=all, real Kafka.

Prints accepted events/s with p50 and p99 of the acknowledgement, CPU a thousand events, and the memory before and
after; with `--minutes`, then half that load for so long, with the memory once a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from contracts.topics import EVENTS, HISTORY
from deploy.local import on_stderr
from deploy.local.kafka_and_postgres import parts
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support.ingest import WHATSAPP, Ingest, running

MEGABYTE = 1_048_576
CONNECTIONS = 64
WARM = 5_000
SLICE_SECONDS = 5.0


def send(ingest: Ingest, count: int, first: int, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Send so many messages; what tests.bench.load prints."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.load",
        ingest.url + WHATSAPP,
        str(count),
        str(connections),
        str(first),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def memory(ingest: Ingest) -> float:
    """Megabytes in use."""
    return float(psutil.Process(ingest.process.pid).memory_info().rss) / MEGABYTE


def cpu(ingest: Ingest) -> float:
    """CPU seconds so far."""
    times = psutil.Process(ingest.process.pid).cpu_times()
    return float(times.user + times.system)


def soak(ingest: Ingest, rate: float, minutes: float, first: int) -> None:
    """A load of `rate` events/s; the memory once a minute."""
    end = time.monotonic() + minutes * 60
    told = time.monotonic()
    print(f"half load, {rate:.0f}/s for {minutes:g} minutes")
    while time.monotonic() < end:
        begun = time.monotonic()
        count = int(rate * SLICE_SECONDS)
        result = send(ingest, count, first, 16)
        first += count
        if time.monotonic() >= told:
            told += 60
            print(f"  {memory(ingest):6.1f} MB   p99 {result['p99_ms']:.1f} ms", flush=True)
        time.sleep(max(0.0, SLICE_SECONDS - (time.monotonic() - begun)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--minutes", type=float, default=0.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, parts(Path(name), progress=on_stderr()) as found:
        own = {"KAFKA_BOOTSTRAP": found.kafka_bootstrap, "DATABASE_URL": found.database_url}
        asyncio.run(migrate(found.database_url))
        asyncio.run(make_topics(load(RuntimeSettings, own), [EVENTS, HISTORY]))
        with running(Path(name), **own) as ingest:
            ingest.until_ready()
            cores = sorted(os.sched_getaffinity(0))
            psutil.Process(ingest.process.pid).cpu_affinity(cores[:1])
            send(ingest, WARM, 0)
            before, used = memory(ingest), cpu(ingest)
            result = send(ingest, chosen.count, WARM)
            rate = chosen.count / result["seconds"]
            print(json.dumps(result))
            print(
                f"{rate:.0f} accepted/s   p50 {result['p50_ms']:.1f} ms   p99 {result['p99_ms']:.1f} ms   "
                f"{(cpu(ingest) - used) / chosen.count * 1000:.3f} CPU s a 1,000   "
                f"memory {before:.1f} MB, then {memory(ingest):.1f} MB"
            )
            if chosen.minutes:
                soak(ingest, rate / 2, chosen.minutes, WARM + chosen.count)


if __name__ == "__main__":
    main()
