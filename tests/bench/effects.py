"""Effects a second of one worker process, with journal, order and results on; the destination answers at once.

    python -m tests.bench.effects [--effects N] [--concurrency N]

The requests lie in Kafka before the worker starts. Counted at the destination by Idempotency-Key.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
import uuid
from pathlib import Path

import psutil

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database
from tests.bench.__main__ import counted, destination
from tests.support.actions import kafka, request, worker

SUBJECTS = 5_000
PATIENCE_SECONDS = 300.0


async def measure(root: Path, servers: tuple[KafkaServer, PostgresServer], amount: int, concurrency: int) -> None:
    """Print what one worker does."""
    broker, postgres = servers
    await database.migrate(postgres.url)
    async with kafka(broker.bootstrap, f"b{uuid.uuid4().hex[:8]}.", partitions=12) as topics:
        for begin in range(0, amount, 5_000):
            await topics.put(
                request(number, f"+3519{number % SUBJECTS:08d}", last=True)
                for number in range(begin, min(begin + 5_000, amount))
            )
        with destination() as port:
            settings = {"FLOWS_MAX_CONCURRENCY": str(concurrency), "FLOWS_LOG_LEVEL": "warning"}
            with worker(topics, root, f"http://127.0.0.1:{port}", postgres.url, **settings) as one:
                one.start()
                await _seen(port, amount // 10)
                begun, first = time.monotonic(), counted(port)["effects"]
                assert one.process is not None
                process = psutil.Process(one.process.pid)
                spent = process.cpu_times()
                await _seen(port, amount)
                seconds, done = time.monotonic() - begun, amount - first
                now = process.cpu_times()
                cpu = now.user + now.system - spent.user - spent.system
                twice = counted(port)["requests"] - amount
                print(f"{done / seconds:,.0f} effects/s ({done:,} in {seconds:.1f} s), {concurrency} at once")
                print(f"{cpu * 1000 / done:.3f} CPU seconds a 1,000 effects in the worker; called twice: {twice}")
                one.stop()


async def _seen(port: int, goal: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while (await asyncio.to_thread(counted, port))["effects"] < goal:
        if time.monotonic() > end:
            raise SystemExit("the worker did not come to its end")
        await asyncio.sleep(0.02)


def main() -> None:
    """Read the command line, start servers, measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.effects")
    parser.add_argument("--effects", type=int, default=40_000)
    parser.add_argument("--concurrency", type=int, default=256)
    wanted = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="flows-effects-"))
    broker, postgres = KafkaServer(root / "kafka"), PostgresServer(root / "postgres")
    try:
        broker.start()
        postgres.start()
        asyncio.run(measure(root, (broker, postgres), wanted.effects, wanted.concurrency))
    finally:
        broker.stop()
        postgres.stop()
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
