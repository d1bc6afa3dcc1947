"""Kills in earnest: 30 SIGKILLs, PostgreSQL killed twice, a worker paused beyond its session, cut connections.

    python -m tests.bench.kills [--requests N] [--kills N]

Ends with an error when an at-most-once call was seen twice, or anything else that `Story.check` looks at does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
import uuid
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database
from tests.support.actions import Worker, kafka, worker
from tests.support.closum import closum
from tests.support.mixed_effects import Story, folder, mixed

WORKERS = 3
PAUSE_SECONDS = 14.0  # beyond the session's 10


async def story(root: Path, servers: tuple[KafkaServer, PostgresServer], amount: int, kills: int) -> None:
    """The whole of it."""
    broker, postgres = servers
    await database.migrate(postgres.url)
    chance = random.Random(7)  # noqa: S311 - moments, no secrets
    async with kafka(broker.bootstrap, f"k{uuid.uuid4().hex[:8]}.", partitions=12) as topics:
        with closum() as stand_in:
            told = Story(topics, stand_in, postgres.url, mixed(amount))
            told.faults(0.01)
            workers = []
            for number in range(WORKERS):
                name = f"w{number}"
                made = worker(topics, folder(root, name), stand_in.url, postgres.url, FLOWS_INSTANCE_ID=name)
                workers.append(made)
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


def main() -> None:
    """Read the command line, start servers, tell the story."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kills")
    parser.add_argument("--requests", type=int, default=60_000)
    parser.add_argument("--kills", type=int, default=30)
    wanted = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="flows-kills-"))
    broker, postgres = KafkaServer(root / "kafka"), PostgresServer(root / "postgres")
    try:
        broker.start()
        postgres.start()
        asyncio.run(story(root, (broker, postgres), wanted.requests, wanted.kills))
    finally:
        broker.stop()
        postgres.stop()
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
