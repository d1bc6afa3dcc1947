"""Workers of services/actions over fakes: the real queue, attempt, journal and limits, on a loop whose time is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, NamedTuple, cast
from zlib import crc32

from aiokafka import TopicPartition

from contracts.actions import ActionRequest
from contracts.runs import AttemptRecord, HistoryRecord, Outcome
from contracts.topics import ACTIONS, ACTIONS_DLQ, HISTORY, RUNS
from services.actions.assembly import Given, Worker, assembled
from services.actions.connections import Connection
from services.actions.queue.assignment import Assignments
from services.actions.registry import ACTIONS as KNOWN
from services.actions.settings import ActionsSettings
from services.actions.world import World
from services.runtime.settings import load
from tests.support.actions import ATTEMPT
from tests.support.world.destination import Destination
from tests.support.world.faults import NONE, Faults
from tests.support.world.kafka import Broker, FakeConsumer, FakeProducer
from tests.support.world.tables import FakeEffects, FakeLimits, FakeParked, FakeUnknownCalls

PREFIX = "t."
PLACES = [TopicPartition(ACTIONS.under(PREFIX), number) for number in range(4)]


class Made(NamedTuple):
    """A worker, put together."""

    kafka: FakeConsumer
    worker: Worker
    assignments: Assignments
    stop: asyncio.Event


@dataclass
class Running:
    """A worker at work."""

    kafka: FakeConsumer
    worker: Worker
    assignments: Assignments
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def end(self) -> None:
        """As SIGTERM."""
        self.stop.set()
        await self.task

    async def crash(self) -> None:
        """As SIGKILL: nothing of it goes on, and what others hold of it stays."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass
class Simulation:
    """Made inside its loop. `settings` are variables of the environment."""

    destination: Destination = field(default_factory=Destination)
    connections: dict[str, Connection] = field(
        default_factory=lambda: {name: Connection(name, f"http://{name}.example") for name in ("crm", "other")}
    )
    faults: Faults = NONE
    seed: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        loop, chance = asyncio.get_running_loop(), Random(self.seed)
        self.world = World(now=loop.time, wall=loop.time, chance=chance.random)
        self.broker = Broker()
        self.effects = FakeEffects(self.world, self.faults)
        self.limits = FakeLimits(self.world, self.faults)
        self.parked = FakeParked(self.world, self.faults)
        self.unknowns = FakeUnknownCalls(self.faults)
        self._names = count(1)
        self.attempts: list[AttemptRecord] = []  # failed ones, as of the last look at the ends
        self._ends: list[HistoryRecord] = []
        self._read = 0

    async def start(self, places: Iterable[TopicPartition] = PLACES) -> Running:
        """A further worker, with these partitions."""
        made = self.made(self.world, self.connections)
        running = Running(*made, asyncio.create_task(made.worker.run(made.stop)))
        await made.kafka.assign(list(places))
        return running

    def made(self, world: World, connections: Mapping[str, Connection], owner: str | None = None) -> Made:
        """One that does not run yet, and has no partitions. `owner`: its name, new with each."""
        made = {"KAFKA_BOOTSTRAP": "none:1", "DATABASE_URL": "postgresql://u:p@none/none", "FLOWS_TOPIC_PREFIX": PREFIX}
        settings = load(ActionsSettings, {**made, **self.settings})
        kafka, assignments = FakeConsumer(self.broker, self.faults), Assignments()
        given = Given(
            owner or f"w{next(self._names)}",
            self.destination,
            FakeProducer(self.broker, self.faults),
            cast("Any", kafka),
            self.effects,
            self.unknowns,
            self.limits,
            self.parked,
            world,
        )
        worker = assembled(settings, KNOWN, connections, given, assignments=assignments, moved=lambda: None)
        return Made(kafka, worker, assignments, asyncio.Event())

    def put(self, requests: Iterable[ActionRequest]) -> None:
        """On `actions`, each in its partition."""
        for one in requests:
            partition = crc32(one.key) % len(PLACES)
            self.broker.put(PLACES[0].topic, partition, one.key, one.to_bytes())

    def ends(self) -> list[HistoryRecord]:
        """Of runs."""
        records = self.broker.records[TopicPartition(HISTORY.name, 0)]
        for one in records[self._read :]:
            value = one.value or b""
            if value.startswith(ATTEMPT):
                self.attempts.append(AttemptRecord.model_validate_json(value))
            else:
                self._ends.append(HistoryRecord.model_validate_json(value))
        self._read = len(records)
        return self._ends

    def outcomes(self) -> dict[str, Outcome]:
        """By run."""
        return {end.run_id: end.outcome for end in self.ends()}

    def answered(self) -> int:
        """Runs that went on."""
        return len(self._records(RUNS.name))

    def dead(self) -> int:
        """Dead letters."""
        return len(self._records(ACTIONS_DLQ.name))

    async def until(self, true: Any, seconds: float = 600.0) -> None:
        """Wait for something, asked each tenth of a second of made time."""
        end = self.world.now() + seconds
        while not true():
            assert self.world.now() < end, f"not within {seconds} s; ended: {len(self.ends())}, dead: {self.dead()}"
            await asyncio.sleep(0.1)

    def left(self) -> int:
        """Requests that are not committed."""
        return self.broker.left(PLACES[0].topic)

    def _records(self, topic: str) -> list[Any]:
        return list(self.broker.records[TopicPartition(topic, 0)])
