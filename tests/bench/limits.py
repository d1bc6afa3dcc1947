"""A limit of 50 requests a second over 3 workers and 4 flows, as the destination sees it.

    python -m tests.bench.limits [--seconds N]

Prints the most that came in any second, and the rate over the whole. A busy machine bunches calls on their way.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database
from tests.support.actions import kafka
from tests.support.limited import most_in_a_second, of_flow, until, workers
from tests.support.recorder import recorder

RATE = 50


async def measure(root: Path, broker: KafkaServer, postgres: PostgresServer, seconds: int) -> None:
    """Print what came."""
    amount = RATE * seconds
    await database.migrate(postgres.url)
    async with kafka(broker.bootstrap, "limits.", partitions=12) as topics:
        with recorder() as destination, ExitStack() as around:
            limits = f"{{ requests_per_second: {RATE} }}"
            started = workers(around, topics, root, destination.url, postgres.url, count=3, limits=limits)
            for one in started:
                await one.says("partitions.assigned")
            await topics.put([of_flow(number, f"flow-{number % 4}") for number in range(amount + 2 * RATE)])
            await until(lambda: len(destination.seen) >= amount, seconds * 3)
            seen = destination.seen[:amount]
    rate = (amount - 1) / (seen[-1][0] - seen[0][0])
    print(f"limit {RATE} requests/s, 3 workers, 4 flows, {amount:,} requests")
    print(f"most in any second {most_in_a_second(seen)}, over the whole {rate:.1f} requests/s")


def main() -> None:
    """Read the command line, start servers, measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.limits")
    parser.add_argument("--seconds", type=int, default=60)
    wanted = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="flows-limits-"))
    broker, postgres = KafkaServer(root / "kafka"), PostgresServer(root / "postgres")
    try:
        broker.start()
        postgres.start()
        asyncio.run(measure(root, broker, postgres, wanted.seconds))
    finally:
        broker.stop()
        postgres.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
