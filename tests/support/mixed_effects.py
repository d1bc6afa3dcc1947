"""Requests of all three guarantees, workers that are killed while they make them, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import ConsumerRecord

from contracts.actions import ActionRequest, Retry
from contracts.runs import HistoryRecord, Outcome
from contracts.topics import HISTORY
from tests.support.actions import Kafka, Worker, request
from tests.support.closum import Closum

SUBJECTS = 100
REPEATS = ("never", "keyed", "always")
CUTS = ("cut_before", "cut_after")
REFUSED = "status"
# An effect that was lost at a kill was begun so shortly before it.
IN_FLIGHT_SECONDS = 5.0


def mixed(count: int) -> list[ActionRequest]:
    """So many requests: a third at most once, a third keyed, a third repeatable."""
    return [
        request(
            number,
            f"+3519100{number % SUBJECTS:05d}",
            inputs={
                "method": "POST",
                "url": f"/contacts?number={number}",
                "json": {"phone": f"+3519100{number % SUBJECTS:05d}", "n": number},
                "repeat": REPEATS[number % len(REPEATS)],
            },
            retry=Retry(attempts=20, within_seconds=300),
            last=True,
        )
        for number in range(count)
    ]


@dataclass
class Story:
    """Requests on their way, and what was done to the workers."""

    kafka: Kafka
    stand_in: Closum
    database: str
    requests: list[ActionRequest]
    kills: list[float] = field(default_factory=list)
    outcomes: dict[str, HistoryRecord] = field(default_factory=dict)

    def faults(self, probability: float) -> None:
        """The destination cuts connections, before and after it acted."""
        for kind in CUTS:
            self.stand_in.fault(path="/crm/*", kind=kind, probability=probability)

    def refusals(self, probability: float, retry_after: float) -> None:
        """It says 503 and does nothing: such a request may come again, whatever its guarantee."""
        self.stand_in.fault(path="/crm/*", kind=REFUSED, status=503, retry_after=retry_after, probability=probability)

    async def received(self, goal: int, seconds: float = 60) -> None:
        """Wait until the destination got so many requests."""
        until = time.monotonic() + seconds
        while (got := await asyncio.to_thread(self.stand_in.state, "received")) < goal:
            assert time.monotonic() < until, f"only {got} of {goal} requests came"
            await asyncio.sleep(0.05)

    async def kill_at_random(self, workers: Sequence[Worker], kills: int, chance: random.Random) -> None:
        """SIGKILL one worker after the other, each somewhere in its work, and start it again."""
        step = len(self.requests) // (kills + 1)
        for kill in range(kills):
            got = await asyncio.to_thread(self.stand_in.state, "received")
            await self.received(min(max(got, kill * step) + chance.randint(step // 4, step), len(self.requests) - step))
            victim = workers[kill % len(workers)]
            self.kills.append(time.time())
            victim.kill()
            victim.start()

    async def ended(self, seconds: float = 120) -> None:
        """Wait until history holds the end of every run."""
        missing = {one.run.id for one in self.requests}
        read = 0

        def enough(found: list[ConsumerRecord]) -> bool:
            nonlocal read
            for record in found[read:]:
                end = HistoryRecord.model_validate_json(record.value)
                self.outcomes[end.run_id] = end
                missing.discard(end.run_id)
            read = len(found)
            return not missing

        await self.kafka.take(HISTORY, enough, seconds)

    async def check(self) -> Counter[str]:
        """What must hold. The states of the journal, counted."""
        rows = await self._journal()
        states = Counter(row["state"] for row in rows.values())
        assert set(states) <= {"done", "failed", "unknown"}, states
        assert len(rows) == len(self.requests)
        seen: Counter[int] = Counter()
        cut: Counter[int] = Counter()
        for noted in self.stand_in.state("requests"):
            number = int(noted["query"].removeprefix("number="))
            seen[number] += noted["fault"] != REFUSED
            cut[number] += noted["fault"] in CUTS
        done = {effect["body"]["n"] for effect in self.stand_in.state("effects")}
        for number, one in enumerate(self.requests):
            outcome = self.outcomes[one.run.id].outcome
            row = rows[one.effect_id]
            if REPEATS[number % len(REPEATS)] == "never":
                assert seen[number] <= 1, f"{number}: at most once was seen {seen[number]} times"
                assert outcome in {Outcome.DELIVERED, Outcome.UNKNOWN}
                assert (row["state"] == "unknown") is (outcome is Outcome.UNKNOWN)
                assert outcome is Outcome.UNKNOWN or number in done
                if outcome is Outcome.UNKNOWN and not cut[number]:
                    self._was_in_flight(row["began"])
            else:
                assert (outcome, row["state"]) == (Outcome.DELIVERED, "done"), number
                assert number in done
        return states

    def _was_in_flight(self, began: float) -> None:
        assert any(-0.1 <= kill - began < IN_FLIGHT_SECONDS for kill in self.kills), (began, self.kills)

    async def _journal(self) -> dict[str, Any]:
        connection = await asyncpg.connect(self.database)
        try:
            query = "select effect_id, state, code, extract(epoch from began_at)::float8 as began from effects"
            return {row["effect_id"]: row for row in await connection.fetch(query)}
        finally:
            await connection.close()


def folder(root: Path, name: str) -> Path:
    """A folder of a worker's own."""
    made = root / name
    made.mkdir(exist_ok=True)
    return made
