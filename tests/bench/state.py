"""`python -m tests.bench.state`: what a batch of 500 costs, by kind of state, on the embedded PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from deploy.local import PostgresServer
from services.flows.state.cells import Asked, Stateful
from services.flows.state.claims import ClaimKey
from services.flows.state.counters import Count
from services.flows.state.permits import Permit
from services.flows.state.rotations import Turn
from services.flows.state.storage import StoreValue as Put
from services.runtime import database
from services.tools.state.state_tables import StateTables

BATCH = 500
ROUNDS = 40
DAY = 86_400.0
TEAM = tuple(f"agent-{number}" for number in range(5))
KINDS: dict[str, Callable[[int], Stateful[Any]]] = {
    "deduplicate, all new": lambda number: ClaimKey("", f"key {number}", DAY),
    "deduplicate, half duplicates": lambda number: ClaimKey("", f"key {number // 2}", DAY),
    "round_robin, one list of 5": lambda _: Turn("team", TEAM, (3, 1, 1, 2, 1)),
    "round_robin, sticky by contact": lambda number: Turn("team", TEAM, (3, 1, 1, 2, 1), f"key {number}", DAY),
    "counter, 50 keys": lambda number: Count("", f"key {number % 50}", 1, DAY),
    "storage.set, all new": lambda number: Put("", f"key {number}", {"lead_id": number}, DAY),
    "throttle, 50 keys, 100 an hour": lambda number: Permit("", f"key {number % 50}", 100, 3600.0),
}


async def measure(url: str) -> None:
    """Print a line a kind."""
    await database.migrate(url)
    pool = await database.connect(url)
    print(
        f"{'a batch of 500':34} {'median ms':>10} {'p95 ms':>8} {'asks/s':>9} {'replay ms':>10} {'worker CPU ms':>14}"
    )
    for name, need in KINDS.items():
        account = uuid.uuid4().hex
        times: list[float] = []
        again: list[float] = []
        used = 0.0
        for number in range(ROUNDS):
            first = number * BATCH
            batch = [Asked(account, "f", f"{account} {n}", "0", 0, need(n)) for n in range(first, first + BATCH)]
            for took in (times, again):
                began, busy = time.perf_counter(), time.process_time()
                answers = await StateTables(pool, timedelta(days=8)).answer(batch)
                took.append((time.perf_counter() - began) * 1000)
                used += (time.process_time() - busy) * 1000 * (took is times)
                assert not any(isinstance(answer, Exception) for answer in answers)
        median, replay = statistics.median(times), statistics.median(again)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:34} {median:10.1f} {p95:8.1f} {BATCH / median * 1000:9,.0f} {replay:10.1f} {used / ROUNDS:14.1f}")
    await pool.close()


def main() -> None:
    """Start PostgreSQL, measure, leave nothing."""
    argparse.ArgumentParser(prog="python -m tests.bench.state", description=__doc__).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flows-bench-"))
    server = PostgresServer(folder)
    server.start()
    try:
        asyncio.run(measure(server.url))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
