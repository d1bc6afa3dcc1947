"""State in PostgreSQL against plain Python, with workers that die between any two steps and do their batch again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.flows.state.cells import Asked, Stateful
from services.flows.state.claims import Claim, Claimed
from services.flows.state.digests import Collect, Collected, Release, Released
from services.flows.state.rotations import Turn, Turned
from services.runtime import dead_runs
from services.runtime.database import connect, migrate
from services.tools.state.store import Store
from tests.support.breaking import BreakingPool

RULES = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
STEPS = st.none() | st.integers(0, 4)
"""Where the worker dies: before reading, before asking who is dead, before writing, after the commit; or not at all."""
LONG = 86_400.0


class World:
    """An event loop of its own and a pool, for a state machine, whose rules are no coroutines."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.run(migrate(url))
        self.pool: asyncpg.Pool = self.run(connect(url))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Its result."""
        return self._runner.run(work)

    def close(self) -> None:
        """Leave nothing open."""
        self.pool.terminate()
        self._runner.close()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    made = World(database_url)
    yield made
    made.close()


class Machine(RuleBasedStateMachine):
    """An account of its own. A batch that dies is done again by another worker, at once, as Kafka does."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.account = uuid.uuid4().hex

    def ask(self, asks: Sequence[tuple[int, Stateful[Any]]], died: int | None, done: int = 0) -> list[Any]:
        """The answers of a batch of (run, need)."""
        batch = [Asked(self.account, "flow", f"{self.account} {run}", "0", 0, need, done) for run, need in asks]
        keep = timedelta(hours=1)
        try:
            self.world.run(Store(BreakingPool.of(self.world.pool, died), keep).answer(batch))
        except ConnectionResetError:
            assert died is not None
        return list(self.world.run(Store(self.world.pool, keep).answer(batch)))

    def expire(self, kind: str) -> None:
        """The time of all that this account holds of a kind is over."""
        statement = "update state_cells set expires_at = now() - interval '1 s' where account = $1 and kind = $2"
        self.world.run(self.world.pool.execute(statement, self.account, kind))


class Claims(Machine):
    """Who is first: by a dictionary of holders, and another of what was answered."""

    @initialize()
    def begin(self) -> None:
        """Nothing is held."""
        self.holders: dict[int, int] = {}
        self.answers: dict[tuple[int, int], bool] = {}
        self.dead: set[int] = set()
        self.sent: dict[int, set[int]] = {}

    @rule(
        batch=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=6),
        died=STEPS,
    )
    def claim(self, batch: list[tuple[int, int]], died: int | None) -> None:
        """A batch of claims."""
        # A run has one key: its inputs are the same on every replay.
        asks = [(run * 4 + key, key) for run, key in batch]
        found = self.ask([(run, Claim("", str(key), LONG)) for run, key in asks], died)
        for (run, key), answer in zip(asks, found, strict=True):
            assert isinstance(answer, Claimed)
            assert answer.first == self.expected(run, key)

    def expected(self, run: int, key: int) -> bool:
        """Whether the run is the first."""
        if (run, key) in self.answers:
            self.dead.discard(run)
            return self.answers[run, key]
        holder = self.holders.get(key)
        if holder is not None and holder != run and holder in self.dead:
            self.answers.pop((holder, key), None)
            holder = None
        if holder is None:
            self.holders[key] = holder = run
            self.dead.discard(run)  # what it does now, it does alive
        self.answers[run, key] = holder == run
        return holder == run

    @rule(run=st.integers(0, 51), done=st.integers(0, 1))
    def die(self, run: int, done: int) -> None:
        """A run that did a call holds on to what it claimed."""
        self.world.run(dead_runs.mark(self.world.pool, [dead_runs.Death(f"{self.account} {run}", done)]))
        (self.dead.discard if done else self.dead.add)(run)

    @rule(run=st.integers(0, 51))
    def revive(self, run: int) -> None:
        """A dead letter is about to be redriven."""
        self.world.run(dead_runs.revive(self.world.pool, [f"{self.account} {run}"]))
        self.dead.discard(run)

    @rule()
    def over(self) -> None:
        """All claims are over."""
        self.expire("claim")
        self.holders.clear()


class Rotations(Machine):
    """Whose turn it is: by credits, a dictionary of who has which key, and what was answered."""

    members = ("ana", "rui", "eva", "leo")
    weights = (3, 1, 1, 2)

    @initialize()
    def begin(self) -> None:
        """Nobody had a turn."""
        self.credit = dict.fromkeys(self.members, 0)
        self.sticky: dict[str, str] = {}
        self.answers: dict[int, str] = {}
        self.inputs: dict[int, tuple[str, frozenset[str]]] = {}
        self.turns = 0

    @rule(
        batch=st.lists(
            st.tuples(
                st.integers(0, 40),
                st.sampled_from(["", "", "k", "l"]),
                st.frozensets(st.sampled_from(members), max_size=3),
            ),
            min_size=1,
            max_size=8,
        ),
        died=STEPS,
    )
    def turn(self, batch: list[tuple[int, str, frozenset[str]]], died: int | None) -> None:
        """A batch of turns."""
        asks: list[tuple[int, Stateful[Any]]] = []
        for run, key, absent in batch:
            self.inputs.setdefault(run, (key, absent))
            key, absent = self.inputs[run]  # noqa: PLW2901 - a run's inputs are the same on every replay
            asks.append((run, Turn("team", self.members, self.weights, key, LONG, tuple(sorted(absent)))))
        found = self.ask(asks, died)
        for (run, _), answer in zip(asks, found, strict=True):
            assert isinstance(answer, Turned)
            assert answer.value == self.expected(run)

    def expected(self, run: int) -> str:
        """Whose turn it is."""
        if run not in self.answers:
            key, absent = self.inputs[run]
            if key in self.sticky and self.sticky[key] not in absent:
                self.answers[run] = self.sticky[key]
            else:
                there = [name for name in self.members if name not in absent]
                weights = dict(zip(self.members, self.weights, strict=True))
                for name in there:
                    self.credit[name] += weights[name]
                chosen = max(there, key=lambda name: (self.credit[name], -self.members.index(name)))
                self.credit[chosen] -= sum(weights[name] for name in there)
                self.turns += 1
                self.answers[run] = chosen
                if key:
                    self.sticky[key] = chosen
        return self.answers[run]

    @rule()
    def forget_keys(self) -> None:
        """All that keys got is over."""
        self.expire("sticky")
        self.sticky.clear()

    @invariant()
    def every_turn_is_counted_once(self) -> None:
        """No turn is lost or taken twice."""
        statement = "select state ->> 'turns' from state_cells where account = $1 and kind = 'rotation'"
        counted = self.world.run(self.world.pool.fetchval(statement, self.account))
        assert int(counted or 0) == self.turns


class Digests(Machine):
    """What is collected: by a list a key, that of the last opener, and what was released."""

    count = 4

    @initialize()
    def begin(self) -> None:
        """Nothing is collected."""
        self.open: dict[str, tuple[str, list[int]]] = {}
        self.answers: dict[int, Collected] = {}
        self.released: list[int] = []
        self.keys: dict[int, str] = {}
        self.taken: dict[int, list[int] | None] = {}

    @rule(batch=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("kl")), min_size=1, max_size=6), died=STEPS)
    def collect(self, batch: list[tuple[int, str]], died: int | None) -> None:
        """A batch of items; a run's item is its number."""
        asks = [(run, self.keys.setdefault(run, key)) for run, key in batch]
        found = self.ask([(run, Collect("", key, run, self.count, LONG)) for run, key in asks], died)
        for (run, key), answer in zip(asks, found, strict=True):
            assert isinstance(answer, Collected)
            if run in self.answers:
                assert answer == self.answers[run]
                continue
            self.answers[run] = answer
            collection, items = self.open.setdefault(key, (answer.collection, []))
            items.append(run)
            assert (answer.collection, answer.number, answer.opened) == (collection, len(items), len(items) == 1)
            assert answer.items == (items if len(items) == self.count else None)
            if answer.items is not None:
                self.released += self.open.pop(key)[1]

    @rule(data=st.data(), died=STEPS)
    def release(self, data: st.DataObject, died: int | None) -> None:
        """The time of a collection is over: its opener takes what is there, if it is the same collection still."""
        openers = [run for run, answer in self.answers.items() if answer.opened and answer.items is None]
        if not openers:
            return
        run = data.draw(st.sampled_from(openers))
        key, collection = self.keys[run], self.answers[run].collection
        (answer,) = self.ask([(1000 + run, Release("", key, collection))], died)
        assert isinstance(answer, Released)
        if run not in self.taken:
            current = self.open.get(key)
            self.taken[run] = self.open.pop(key)[1] if current and current[0] == collection else None
            self.released += self.taken[run] or []
        assert answer.items == self.taken[run]

    @invariant()
    def every_item_is_in_one_digest_or_waits_for_one(self) -> None:
        """None is lost, none is in two."""
        waiting = [run for _, items in self.open.values() for run in items]
        assert sorted(self.released + waiting) == sorted(self.answers)


def of(machine: type[Machine], world: World) -> type[Machine]:
    """The machine in this world."""
    return type(machine.__name__, (machine,), {"world": world})


@pytest.mark.parametrize("machine", [Claims, Rotations, Digests])
def test_state_is_that_of_the_model_wherever_workers_die(machine: type[Machine], world: World) -> None:
    run_state_machine_as_test(of(machine, world), settings=RULES)
