"""Kills in earnest: 30 SIGKILLs, PostgreSQL killed twice, a worker paused beyond its session, cut connections.

    python -m tests.bench.kills [--requests N] [--kills N]

Its destination has limits, and says 503 now and then, so that calls are parked. Exit 1 when an at-most-once call was
seen twice, or anything else that `Story.check` looks at does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time

from deploy.local import PostgresServer
from tests.support.actions import Worker, kafka, worker
from tests.support.closum import closum
from tests.support.mixed_effects import Story, folder, mixed
from tests.support.servers import Servers, servers

WORKERS = 3
# They hold calls back now and then, and the shares of workers change with each kill.
LIMITS = "{ requests_per_second: 400, concurrency: 150 }"
PARK_SECONDS = 0.5
REFUSED_FOR_SECONDS = 1
PAUSE_SECONDS = 14.0  # beyond the session's 10


async def story(parts: Servers, amount: int, kills: int) -> None:
    """The whole of it. Raises AssertionError for what does not hold."""
    postgres = parts.postgres
    chance = random.Random(7)  # noqa: S311 - moments, no secrets
    async with kafka(parts.kafka.bootstrap, parts.prefix(), partitions=12) as topics:
        with closum() as stand_in:
            told = Story(topics, stand_in, postgres.url, mixed(amount))
            told.faults(0.01)
            told.refusals(0.02, REFUSED_FOR_SECONDS)
            workers = []
            for number in range(WORKERS):
                name = f"w{number}"
                own = {"FLOWS_INSTANCE_ID": name, "FLOWS_PARK_SECONDS": str(PARK_SECONDS)}
                workers.append(worker(topics, folder(parts.folder, name), stand_in.url, postgres.url, LIMITS, **own))
            with workers[0] as first, workers[1] as second, workers[2] as third:
                everyone = [first, second, third]
                for one in everyone:
                    one.start()
                await topics.put(told.requests)
                begun = time.monotonic()
                beside = asyncio.gather(_restart(postgres, told, amount), _pause(third, told, amount))
                await told.kill_at_random([first, second], kills, chance)
                await beside
                await told.ended(600)
                print(f"{amount:,} effects ended after {time.monotonic() - begun:.0f} s")
                for one in everyone:
                    one.stop()
            states = await told.check()
            print(f"{kills} kills, 2 restarts of PostgreSQL, 1 pause: {dict(states)}")
            print(f"the destination got {stand_in.state('received'):,} requests")


async def _restart(postgres: PostgresServer, told: Story, amount: int) -> None:
    for part in (0.3, 0.6):
        await told.received(int(amount * part), 600)
        told.kills.append(time.time())
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(2)
        await asyncio.to_thread(postgres.start)


async def _pause(zombie: Worker, told: Story, amount: int) -> None:
    await told.received(int(amount * 0.4), 600)
    assert zombie.process is not None
    told.kills.append(time.time())
    os.kill(zombie.process.pid, signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    os.kill(zombie.process.pid, signal.SIGCONT)


def main() -> int:
    """Read the command line, start servers, tell the story."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, default=60_000, help="effects (default 60000)")
    parser.add_argument("--kills", type=int, default=30, help="SIGKILLs (default 30)")
    wanted = parser.parse_args()
    with servers() as parts:
        try:
            asyncio.run(story(parts, wanted.requests, wanted.kills))
        except AssertionError as error:
            print(f"does not hold: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
