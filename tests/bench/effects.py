"""Effects a second of one worker process, with journal, order and results on; the destination is nginx.

    python -m tests.bench.effects [--effects N] [--concurrency N]

The requests lie in Kafka before the worker starts. Counted in nginx's log by Idempotency-Key. Exit 1 when a
call was made twice, or when the pace is below `--least`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import psutil

from tests.support.actions import kafka, request, worker
from tests.support.nginx import Nginx, nginx
from tests.support.servers import Servers, servers

SUBJECTS = 5_000
PATIENCE_SECONDS = 300.0


async def measure(parts: Servers, wanted: argparse.Namespace) -> int:
    """Print what one worker does; the exit code."""
    amount, concurrency = wanted.effects, wanted.concurrency
    async with kafka(parts.kafka.bootstrap, parts.prefix(), partitions=12) as topics:
        for begin in range(0, amount, 5_000):
            await topics.put(
                request(number, f"+3519{number % SUBJECTS:08d}", last=True)
                for number in range(begin, min(begin + 5_000, amount))
            )
        settings = {"FLOWS_MAX_CONCURRENCY": str(concurrency), "FLOWS_LOG_LEVEL": "warning"}
        with (
            nginx(parts.folder / "nginx") as there,
            worker(topics, parts.folder, there.url, parts.postgres.url, **settings) as one,
        ):
            one.start()
            await _seen(there, amount // 10)
            begun, first = time.monotonic(), there.effects()
            assert one.process is not None
            process = psutil.Process(one.process.pid)
            spent = process.cpu_times()
            await _seen(there, amount)
            seconds, done = time.monotonic() - begun, amount - first
            now = process.cpu_times()
            one.stop()
    cpu = now.user + now.system - spent.user - spent.system
    pace, twice = done / seconds, there.requests - amount
    print(f"{pace:,.0f} effects/s ({done:,} in {seconds:.1f} s), {concurrency} at once")
    print(f"{cpu * 1000 / done:.3f} CPU seconds a 1,000 effects in the worker; called twice: {twice}")
    return 1 if twice or pace < wanted.least else 0


async def _seen(there: Nginx, goal: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while there.effects() < goal:
        if time.monotonic() > end:
            raise SystemExit("the worker did not come to its end")
        await asyncio.sleep(0.02)


def main() -> int:
    """Read the command line, start servers, measure."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.effects", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--effects", type=int, default=40_000, help="requests (default 40000)")
    parser.add_argument("--concurrency", type=int, default=256, help="calls at once (default 256)")
    parser.add_argument("--least", type=float, default=0.0, help="effects a second that must be reached (default 0)")
    wanted = parser.parse_args()
    with servers() as parts:
        return asyncio.run(measure(parts, wanted))


if __name__ == "__main__":
    sys.exit(main())
