"""Round robin over three workers that are killed while they work: what each run got, and how far shares are off."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson
from aiokafka import ConsumerRecord

from contracts.topics import ACTIONS
from services.runtime import database
from tests.support import batches, tools_process
from tests.support.tools_process import ToolsProcess, all_of, event_id, free_port, read, send, stack, story

WEIGHTS = {"ana": 3, "rui": 2, "eva": 2, "leo": 1, "mia": 1}
ROUND = sum(WEIGHTS.values())
WORKERS = 3
PATIENCE_SECONDS = 300.0
ROTATION = "from state_cells where account = 'default' and kind = 'rotation' and name = 'sales'"
FLOW = f"""
flow: sales
description: Each lead to one of five, by weight.
on: {batches.TRIGGER}
steps:
  - id: owner
    tool: round_robin
    with: {{ list: sales, values: [ana, rui, eva, leo, mia], weights: {{ ana: 3, rui: 2, eva: 2 }} }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ owner: "${{ owner.value }}" }} }}
"""


@dataclass(frozen=True, slots=True)
class Shares:
    """What came of it. `off`: the largest difference of a member from its exact share, in turns."""

    runs: int
    requests: int
    kills: int
    changed: int
    turns: int
    got: Counter[str]
    seconds: float

    @property
    def off(self) -> float:
        """In turns; a round is the sum of all weights."""
        return max(abs(self.got[name] - self.runs * weight / ROUND) for name, weight in WEIGHTS.items())


async def rotate(bootstrap: str, url: str, prefix: str, folder: Path, *, events: int, kills: int) -> Shares:
    """Send events, kill workers at random as turns are taken, and look at every request that was made."""
    began = time.monotonic()
    chance = random.Random(7)  # noqa: S311 - the same kills each time
    async with stack(bootstrap, url, prefix, folder, FLOW, partitions=6) as first:
        workers = [first, *(_another(first, folder, number) for number in range(1, WORKERS))]
        pool = await database.connect(url, size=1)
        try:
            await pool.execute(f"delete {ROTATION}")
            for worker in workers:
                worker.start()
            sending = asyncio.create_task(send(first.settings, story(prefix, events)))
            for kill in range(kills):
                # Spread over the work, and in the middle of it.
                await _turns(pool, (kill + 1) * events // (kills + 2))
                worker = chance.choice(workers)
                worker.kill()
                worker.start()
            await sending
            requests = await read(first.settings, ACTIONS, all_of(events), PATIENCE_SECONDS)
            turns = await _turns(pool, events)
        finally:
            await pool.close()
            for worker in workers:
                with suppress(OSError):
                    worker.kill()
    return _shares(requests, kills, turns, time.monotonic() - began)


def _another(first: ToolsProcess, folder: Path, number: int) -> ToolsProcess:
    changes = {"instance_id": f"tools-{number}", "health_port": free_port()}
    return tools_process.ToolsProcess(first.settings.model_copy(update=changes), folder)


async def _turns(pool: asyncpg.Pool, goal: int) -> int:
    """How many turns were taken, as soon as they are so many."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        turns = await pool.fetchval(f"select (state ->> 'turns')::int {ROTATION}")
        if (turns or 0) >= goal:
            return int(turns)
        assert time.monotonic() < end, f"only {turns} of {goal} turns were taken"
        await asyncio.sleep(0.02)


def _shares(requests: list[ConsumerRecord], kills: int, turns: int, seconds: float) -> Shares:
    owners: dict[str, set[str]] = {}
    for one in requests:
        owners.setdefault(event_id(one), set()).add(orjson.loads(one.value)["inputs"]["json"]["owner"])
    got = Counter(owner for each in owners.values() for owner in each)
    changed = sum(len(each) > 1 for each in owners.values())
    return Shares(len(owners), len(requests), kills, changed, turns, got, seconds)
