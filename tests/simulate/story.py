"""Plays a scenario, and keeps what was seen of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any, NamedTuple, NoReturn

import orjson
import structlog
from aiokafka import TopicPartition

from contracts.actions import ActionRequest, Priority, Retry
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Run
from contracts.topics import ACTIONS, ACTIONS_DLQ, HISTORY, RUNS
from services.actions.connections import Connection
from services.actions.connections.parts import ConnectionLimits, OAuth2
from services.actions.connections.token_credentials import TokenCredentials
from services.actions.journal.effects import Begin, Decision, Go, Key, State
from services.actions.world import World
from services.flows.idempotency import IdempotencyKey
from services.runtime.kafka import Headers
from tests.simulate.api import TOKEN_PATH, Api, Ask
from tests.simulate.moods import FakeTokens, Moods
from tests.simulate.scenario import CONNECTIONS, SECURE, Kind, Put, Scenario, Trouble
from tests.support.actions import ATTEMPT
from tests.support.world import loop
from tests.support.world.group import Group
from tests.support.world.kafka import Broker, FakeConsumer
from tests.support.world.processes import Process, outside
from tests.support.world.tables import FakeEffects, FakeLimits
from tests.support.world.worker import PREFIX, Running, Simulation

SETTLES_SECONDS = 420.0
"""So long after the last trouble, and the last moment that a destination named, all must have ended."""
LEARNS_SECONDS = (0.5, 20.0)
"""After so long, one that was thrown out of its group knows it."""
TOPIC = ACTIONS.under(PREFIX)


class End(NamedTuple):
    """An end as it was published. `effect_possible`: what a dead letter says of it."""

    at: float
    number: int
    what: str
    code: str | None = None
    effect_possible: bool | None = None


class Owned(NamedTuple):
    """A worker took over a partition, under an epoch."""

    at: float
    place: str
    epoch: int
    owner: str


@dataclass
class Seen:
    """What a judge looks at."""

    scenario: Scenario
    begun: float = 0.0
    ended: float = 0.0
    done: bool = False
    why: str = ""
    asked: Sequence[Ask] = ()
    ends: list[End] = field(default_factory=list)
    letters: set[tuple[int, int]] = field(default_factory=set)  # (partition, offset) of dead letters
    poison: dict[tuple[int, int], int] = field(default_factory=dict)
    effects: dict[int, State] = field(default_factory=dict)
    gos: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))  # number: (at, epoch)
    owned: list[Owned] = field(default_factory=list)
    healed: list[tuple[float, str]] = field(default_factory=list)  # when a connection was found to be well again
    broken: list[tuple[float, str, str]] = field(default_factory=list)  # a worker's end that was not meant to be
    upset: list[tuple[float, str]] = field(default_factory=list)  # killed, thrown out, standing still: no fault of it
    left: int = 0
    parked: int = 0
    trace: list[str] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """Of the trace."""
        return hashlib.blake2b("\n".join(self.trace).encode(), digest_size=8).hexdigest()


def play(scenario: Scenario) -> Seen:
    """The same scenario, the same trace."""
    before, hook = random.getstate(), sys.unraisablehook
    sys.unraisablehook = lambda _: None  # what the dead leave behind
    random.seed(scenario.seed)  # what waits for a part of ours to return takes its chances there
    try:
        with _silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines that nobody awaits any more
            return loop.run(lambda: _played(scenario))
    finally:
        random.setstate(before)
        sys.unraisablehook = hook


@contextmanager
def _silence() -> Iterator[None]:
    """Without logs: the trace tells."""

    def drop(*_: object) -> NoReturn:
        raise structlog.DropEvent

    level, before = logging.root.manager.disable, structlog.get_config()
    logging.disable(logging.CRITICAL)
    structlog.configure(
        processors=[drop],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(level)


async def _played(scenario: Scenario) -> Seen:
    return await _Story(scenario).play()


class _Kafka(Broker):
    """Tells of each record."""

    def __init__(self, story: _Story) -> None:
        super().__init__()
        self._story = story

    def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Append a record."""
        super().put(topic, partition, key, value, headers)
        if topic != TOPIC:
            self._story.published(topic, value or b"", headers or [])


class _Effects(FakeEffects):
    """Tells who began what."""

    seen: Seen

    async def enter(self, places: Sequence[str], owner: str) -> dict[str, int]:
        """As the real one."""
        found = await super().enter(places, owner)
        for place, epoch in found.items():
            self.seen.owned.append(Owned(self.world.now(), place, epoch, owner))
        return found

    def _begin(self, begin: Begin) -> Decision:
        decision = super()._begin(begin)
        if isinstance(decision, Go):
            self.seen.gos[NUMBERS[begin.key]].append((self.world.now(), begin.epoch))
        return decision


NUMBERS: dict[Key, int] = {}


@dataclass
class _Limits(FakeLimits):
    """Tells when a connection is well again."""

    seen: Seen = field(kw_only=True)
    tell: Callable[[str], object] = field(kw_only=True)

    async def open(
        self, connection: str, seconds: float, most_seconds: float, cause: str, *, again: bool
    ) -> float | None:
        """As the real one."""
        found = await super().open(connection, seconds, most_seconds, cause, again=again)
        if found is not None:
            self.tell(f"{connection} is ill, for {found:.0f} s at least")
        return found

    async def close(self, connection: str) -> None:
        """As the real one."""
        if connection in self.opened:
            self.seen.healed.append((self.world.now(), connection))
            self.tell(f"{connection} is well again")
        await super().close(connection)


@dataclass
class _Slot:
    """One worker's place: its process now."""

    number: int
    process: Process
    running: Running


class _Story:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.seen = Seen(scenario)
        self._loop = asyncio.get_running_loop()
        self.begun = self.seen.begun = self._loop.time()
        self._chance = Random(f"{scenario.seed}/story")
        self.moods = Moods(scenario, self.begun, self.tell)
        self.api = Api(scenario, self.begun, self.tell)
        self.sim = Simulation(
            destination=self.api,  # type: ignore[arg-type]  # any client
            connections={name: _connection(scenario, name) for name in CONNECTIONS},
            faults=self.moods,
            seed=scenario.seed,
            settings=scenario.settings,
        )
        self.sim.broker = self.broker = _Kafka(self)
        self.sim.effects = _Effects(self.sim.world, self.moods)
        self.sim.effects.seen = self.seen
        self.sim.limits = _Limits(self.sim.world, self.moods, seen=self.seen, tell=self.tell)
        self._tokens = FakeTokens(OAUTH2, self.moods)
        places = [TopicPartition(TOPIC, number) for number in range(scenario.partitions)]
        self.group = Group(places, Random(f"{scenario.seed}/group"), self.tell)
        self._slots: dict[int, _Slot] = {}
        self._numbers = {_run_id(one.number): one.number for one in scenario.puts}
        self._ended: set[int] = set()
        self._clocks: dict[int, float] = defaultdict(float)
        self._finished = asyncio.Event()
        self._lives = count(1)
        self._processes: list[Process] = []
        self._loop.set_exception_handler(self._nobody_asked)
        NUMBERS.clear()

    def _nobody_asked(self, _: object, context: Mapping[str, Any]) -> None:
        """What was raised in a task, and nobody looked at. What is left of the dead when all is over is no matter."""
        if (error := context.get("exception")) is not None and not self._finished.is_set():
            self.seen.broken.append((self._loop.time(), "a task", repr(error)))

    def tell(self, what: str) -> None:
        """A line of the trace."""
        self.seen.trace.append(f"{self._loop.time() - self.begun:9.3f} {what}")

    async def play(self) -> Seen:
        """To its end, or to where it should have ended."""
        seen = self.seen
        for number in range(self.scenario.workers):
            self._start(number)
        loading = outside(self._load())
        for trouble in self.scenario.troubles:
            outside(self._trouble(trouble))
        quiet = self.begun + self.scenario.quiet_from
        while self._loop.time() < quiet:
            await asyncio.sleep(min(1.0, max(0.001, quiet - self._loop.time())))
        await loading
        while not self._all_ended() and self._loop.time() < self._bound():
            await asyncio.sleep(0.5)
        seen.done = self._all_ended()
        while self.api.at_work:
            await asyncio.sleep(0.5)
        seen.ended = self._loop.time()
        seen.left, seen.parked = self._left(), len(self.sim.parked.rows)
        seen.asked = self.api.asked
        seen.effects = {NUMBERS[key]: held.row.state for key, held in self.sim.effects.effects.items()}
        self._finished.set()
        for process in self._processes:
            process.bury()
        return seen

    def _left(self) -> int:
        """Records that are not committed."""
        return self.broker.left(TOPIC)

    def _all_ended(self) -> bool:
        return (
            len(self._ended) >= sum(one.kind is not None for one in self.scenario.puts)
            and not self._left()
            and not self.sim.parked.rows
        )

    def _bound(self) -> float:
        told = max((one.at + one.retry_after for one in self.api.asked if one.retry_after is not None), default=0.0)
        return max(self.begun + self.scenario.quiet_from, told) + SETTLES_SECONDS

    def _start(self, number: int, instead_of: FakeConsumer | None = None) -> None:
        process = Process(f"w{number}.{next(self._lives)}", lambda one: self._died(number, one))
        world = World(
            now=self._loop.time,
            wall=lambda: self._loop.time() + self._clocks[number],
            chance=Random(f"{self.scenario.seed}/{process.name}").random,
        )
        connections = dict(self.sim.connections)
        credentials = TokenCredentials(OAUTH2, self.api, self._tokens, world)
        connections[SECURE] = replace(connections[SECURE], credentials=credentials)
        made = self.sim.made(world, connections, process.name)
        task = process.begin(made.worker.run(made.stop))
        running = Running(made.kafka, made.worker, made.assignments, made.stop, task)
        self._slots[number] = _Slot(number, process, running)
        self._processes.append(process)
        task.add_done_callback(lambda done: self._ended_itself(process, done))
        self.tell(f"{process} starts")
        self.group.join(made.kafka, process, instead_of)
        self.sim.limits.alive = len(self._slots)

    def _died(self, number: int, process: Process) -> None:
        if self._finished.is_set():
            return
        self.tell(f"{process} dies at step {process.steps}")
        self.seen.upset.append((self._loop.time(), process.name))
        outside(self.group.silent(self._slots[number].running.kafka))

    def _ended_itself(self, process: Process, done: asyncio.Task[None]) -> None:
        if process.dead or done.cancelled():
            return
        if (error := done.exception()) is not None:
            self.tell(f"{process} broke: {error!r}")
            self.seen.broken.append((self._loop.time(), process.name, repr(error)))

    async def _load(self) -> None:
        for one in self.scenario.puts:
            if (wait := self.begun + one.at - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            partition = self.scenario.partition(one.subject)
            offset = len(self.broker.records[TopicPartition(TOPIC, partition)])
            if one.kind is None:
                self.seen.poison[partition, offset] = one.number
                value = (b"", b"{", b'{"run": 1}', b"\xff\x00")[one.number % 4]
                self.broker.put(TOPIC, partition, one.subject.encode(), value)
            else:
                request = _request(one, one.kind, self._loop.time())
                NUMBERS[Key("default", request.effect_id)] = one.number
                self.broker.put(TOPIC, partition, request.key, request.to_bytes())
            self.tell(f"{one.number} comes, of {one.subject}, {_words(one)}")

    async def _trouble(self, trouble: Trouble) -> None:
        await asyncio.sleep(trouble.at)
        self.tell(f"TROUBLE {trouble}")
        match trouble.what:
            case "crash":
                await self._crash(trouble)
            case "stands still":
                await self._stands_still(trouble)
            case "thrown out":
                await self._thrown_out(trouble)
            case "rebalance":
                self.group.rebalance()
            case "restart":
                await self._restart(trouble)
            case "clock steps":
                self._clocks[int(trouble.where)] += trouble.part
            case "kafka away":
                self.broker.away = True
                await asyncio.sleep(trouble.seconds)
                self.broker.away = False
                self.broker.arrived.set()
        await asyncio.sleep(max(0.0, self.begun + trouble.at + trouble.seconds - self._loop.time()))
        self.tell(f"OVER {trouble}")

    async def _crash(self, trouble: Trouble) -> None:
        slot = self._slots[int(trouble.where)]
        process = slot.process
        process.dies_at = process.steps + int(trouble.part)
        until = self._loop.time() + 5.0
        while not process.dead and self._loop.time() < until:
            await asyncio.sleep(0.01)
        process.kill()
        await asyncio.sleep(trouble.seconds)
        if self._slots[slot.number] is slot:
            self._start(slot.number, slot.running.kafka)

    async def _stands_still(self, trouble: Trouble) -> None:
        slot = self._slots[int(trouble.where)]
        process, kafka = slot.process, slot.running.kafka
        process.still_until = self._loop.time() + trouble.seconds
        self.seen.upset.append((self._loop.time(), process.name))
        if trouble.seconds > 10.0:
            await asyncio.sleep(10.0)
            await self._expelled(slot.process, kafka, trouble.seconds - 10.0)

    async def _thrown_out(self, trouble: Trouble) -> None:
        slot = self._slots[int(trouble.where)]
        self.seen.upset.append((self._loop.time(), slot.process.name))
        await self._expelled(slot.process, slot.running.kafka, 0.0)

    async def _expelled(self, process: Process, kafka: FakeConsumer, more_seconds: float) -> None:
        self.group.expel(kafka)
        if not kafka.expelled:
            return
        await asyncio.sleep(more_seconds + self._chance.uniform(*LEARNS_SECONDS))
        if not process.dead and kafka.expelled:
            self.seen.upset.append((self._loop.time(), process.name))
            await self.group.learns(kafka, process)

    async def _restart(self, trouble: Trouble) -> None:
        slot = self._slots[int(trouble.where)]
        if slot.process.dead:
            return
        self.tell(f"{slot.process} is told to stop")
        slot.running.stop.set()
        while not slot.running.task.done() and not slot.process.dead:
            await asyncio.sleep(0.05)
        if not slot.process.dead and self._slots[slot.number] is slot:
            slot.process.dead = True
            self.tell(f"{slot.process} has stopped")
            outside(self.group.silent(slot.running.kafka))
            await asyncio.sleep(min(trouble.seconds, self._chance.choice((0.5, 12.0))))
            self._start(slot.number, slot.running.kafka)

    def published(self, topic: str, value: bytes, headers: Headers) -> None:
        """A record was put on a topic of ends."""
        now = self._loop.time()
        if topic == HISTORY.name:
            if not value.startswith(ATTEMPT):
                self._history(now, orjson.loads(value))
            else:
                found = orjson.loads(value)
                free = "free" if found["free"] else f"attempt {found['attempt']}"
                self.tell(
                    f"{self._numbers[found['run_id']]} fails, {free}: {found['code']},"
                    f" again in {found['next_seconds']} s"
                )
        elif topic == RUNS.name:
            found = orjson.loads(value)
            error = found["answer"].get("error")
            self._end(End(now, self._numbers[found["run"]["id"]], "answered", error and error["code"]))
        elif topic == ACTIONS_DLQ.name:
            told = {name: (value or b"").decode() for name, value in headers}
            where = int(told["flows-partition"]), int(told["flows-offset"])
            self.seen.letters.add(where)
            number = self._numbers.get(told.get("flows-run-id", ""), -1)
            self.tell(f"{number if number >= 0 else where} is a dead letter: {told['flows-code']}")
            if number >= 0:
                possible = told.get("flows-effect-possible")
                self._end(
                    End(
                        now,
                        number,
                        "letter",
                        told["flows-code"],
                        None if possible is None else possible.lower() == "true",
                    )
                )

    def _history(self, now: float, found: Mapping[str, Any]) -> None:
        number = self._numbers.get(found["run_id"])
        if number is not None:
            self._end(End(now, number, found["outcome"], found.get("code")))

    def _end(self, end: End) -> None:
        self.seen.ends.append(end)
        if end.what != "letter":
            self._ended.add(end.number)
            self.tell(f"{end.number} ends: {end.what} {end.code or ''}".rstrip())


OAUTH2 = OAuth2(f"http://{SECURE}.example{TOKEN_PATH}", "me", "secret")


def _connection(scenario: Scenario, name: str) -> Connection:
    known = scenario.honours.get(name)
    return Connection(
        name,
        f"http://{name}.example",
        idempotency=None if known is None else IdempotencyKey(seconds=known),
        limits=ConnectionLimits(requests_per_second=scenario.paced.get(name)),
    )


def _run_id(number: int) -> str:
    return f"r{number}"


def _request(put: Put, kind: Kind, now: float) -> ActionRequest:
    moment = datetime.fromtimestamp(now, UTC)
    event = Event(
        id=f"e{put.number}", source="/simulated", type="t", subject=put.subject, accepted=moment, time=moment, data={}
    )
    run = Run(
        id=_run_id(put.number),
        flow=kind.flow,
        version="v1",
        event=event,
        key=put.subject,
        at=kind.step,
        keys_declared=True,
    )
    inputs: dict[str, Any] = {"method": "POST", "url": kind.path, "json": {"n": put.number}}
    if kind.repeat == "verify":
        inputs |= {"repeat": "never", "verify": {"url": f"/check/{put.number}"}}
    elif kind.repeat != "by default":
        inputs["repeat"] = kind.repeat
    schedule = None if kind.schedule is None else list(kind.schedule)
    return ActionRequest(
        effect_id=stable_id(run.id, kind.step),
        action="http.request",
        connection=kind.connection,
        inputs=inputs,
        retry=Retry(attempts=kind.attempts, within_seconds=kind.within_seconds, schedule_seconds=schedule),
        step=kind.step,
        last=kind.last,
        priority=Priority(kind.priority),
        resume_on_error=kind.goes_on,
        deadline=None if kind.deadline_seconds is None else datetime.fromtimestamp(now + kind.deadline_seconds, UTC),
        run=run,
        requested=moment,
    )


def _words(put: Put) -> str:
    kind = put.kind
    if kind is None:
        return "unreadable"
    late = "" if kind.deadline_seconds is None else f", within {kind.deadline_seconds:.0f} s"
    return f"{kind.connection}{kind.path} {kind.repeat}{late}{', wrong' if put.wrong else ''}"
