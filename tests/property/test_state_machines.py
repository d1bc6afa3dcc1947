"""State in PostgreSQL against plain Python, with workers that die between any two steps and do their batch again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.flows.state.cells import Asked, Stateful
from services.flows.state.claims import Claimed, ClaimKey, SettleClaim, Settled
from services.flows.state.counters import Count, Counted
from services.flows.state.digests import Collect, Collected, Release, Released
from services.flows.state.permits import Permit, Permitted
from services.flows.state.rotations import Turn, Turned
from services.flows.state.storage import Loaded, LoadValue, Stored
from services.flows.state.storage import StoreValue as Put
from services.runtime.tables import dead_runs
from services.tools.state.state_tables import StateTables
from tests.support.machines import DIES, RULES, World, bound

LONG = 86_400.0
KEEP = timedelta(hours=1)


class Machine(RuleBasedStateMachine):
    """An account of its own. A batch that dies is done again by another worker, at once, as Kafka does.

    Kafka cuts the batch anew: the other worker gets its first half first.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.account = uuid.uuid4().hex

    def ask(
        self, asks: Sequence[tuple[int, Stateful[Any]]], dies: int | None, done: int = 0, step: str = "0"
    ) -> list[Any]:
        """The answers of a batch of (run, need)."""
        batch = [Asked(self.account, "flow", f"{self.account} {run}", step, 0, need, done) for run, need in asks]
        self.world.attempt(lambda pool: StateTables(pool, KEEP).answer(batch), dies)
        half = len(batch) // 2
        parts = [batch[:half], batch[half:]] if half else [batch]
        return [one for part in parts for one in self.world.run(StateTables(self.world.pool, KEEP).answer(part))]

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
        self.results: dict[int, int] = {}
        self.answers: dict[tuple[int, int], tuple[bool, int | None]] = {}
        self.settled: dict[int, bool] = {}
        self.dead: set[int] = set()

    @rule(
        batch=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=6),
        dies=DIES,
    )
    def claim(self, batch: list[tuple[int, int]], dies: int | None) -> None:
        """A batch of claims."""
        # A run has one key: its inputs are the same on every replay.
        asks = [(run * 4 + key, key) for run, key in batch]
        found = self.ask([(run, ClaimKey("", str(key), LONG)) for run, key in asks], dies)
        for (run, key), answer in zip(asks, found, strict=True):
            assert isinstance(answer, Claimed)
            assert (answer.first, answer.result) == self.expected(run, key)

    def expected(self, run: int, key: int) -> tuple[bool, int | None]:
        """Whether the run is the first, and what the first has stored."""
        if (run, key) in self.answers:
            self.dead.discard(run)
            return self.answers[run, key]
        holder = self.holders.get(key)
        if holder is not None and holder != run and holder in self.dead:
            self.answers.pop((holder, key), None)
            holder = None
        if holder is None:
            self.holders[key] = holder = run
            self.results.pop(key, None)
            self.dead.discard(run)  # what it does now, it does alive
        self.answers[run, key] = holder == run, self.results.get(key)
        return self.answers[run, key]

    @rule(batch=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=4), dies=DIES)
    def settle(self, batch: list[tuple[int, int]], dies: int | None) -> None:
        """Runs store what came of their claims: those that hold them."""
        asks = [(run * 4 + key, key) for run, key in batch]
        found = self.ask([(run, SettleClaim("", str(key), run)) for run, key in asks], dies, step="1")
        for (run, key), answer in zip(asks, found, strict=True):
            assert isinstance(answer, Settled)
            if run in self.settled:
                self.dead.discard(run)
            else:
                self.settled[run] = self.holders.get(key) == run
                if self.settled[run]:
                    self.results[key] = run
            assert answer.stored == self.settled[run]

    @rule(run=st.integers(0, 51), done=st.integers(0, 1))
    def die(self, run: int, done: int) -> None:
        """A run that did a call holds on to what it claimed."""
        self.world.run(dead_runs.mark(self.world.pool, [dead_runs.DeadRunMark(f"{self.account} {run}", done)]))
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
        self.results.clear()


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
        dies=DIES,
    )
    def turn(self, batch: list[tuple[int, str, frozenset[str]]], dies: int | None) -> None:
        """A batch of turns."""
        asks: list[tuple[int, Stateful[Any]]] = []
        for run, key, absent in batch:
            self.inputs.setdefault(run, (key, absent))
            key, absent = self.inputs[run]  # noqa: PLW2901 - a run's inputs are the same on every replay
            asks.append((run, Turn("team", self.members, self.weights, key, LONG, tuple(sorted(absent)))))
        found = self.ask(asks, dies)
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

    @rule(batch=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("kl")), min_size=1, max_size=6), dies=DIES)
    def collect(self, batch: list[tuple[int, str]], dies: int | None) -> None:
        """A batch of items; a run's item is its number."""
        asks = [(run, self.keys.setdefault(run, key)) for run, key in batch]
        found = self.ask([(run, Collect("", key, run, self.count, LONG)) for run, key in asks], dies)
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

    @rule(data=st.data(), dies=DIES)
    def release(self, data: st.DataObject, dies: int | None) -> None:
        """The time of a collection is over: its opener takes what is there, if it is the same collection still."""
        openers = [run for run, answer in self.answers.items() if answer.opened and answer.items is None]
        if not openers:
            return
        run = data.draw(st.sampled_from(openers))
        key, collection = self.keys[run], self.answers[run].collection
        (answer,) = self.ask([(1000 + run, Release("", key, collection))], dies)
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


class Counters(Machine):
    """How many: by a dictionary of totals, and another of what was answered."""

    @initialize()
    def begin(self) -> None:
        """Nothing is counted."""
        self.totals: dict[str, int] = {}
        self.since: dict[str, float] = {}
        self.inputs: dict[int, tuple[str, int]] = {}
        self.answers: dict[int, Counted] = {}

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from("kl"), st.integers(-2, 3)), min_size=1, max_size=8
        ),
        dies=DIES,
    )
    def count(self, batch: list[tuple[int, str, int]], dies: int | None) -> None:
        """A batch of additions; a run adds once, however often it asks."""
        for run, key, add in batch:
            self.inputs.setdefault(run, (key, add))
        asks = [(run, Count("", self.inputs[run][0], self.inputs[run][1], LONG)) for run, _, _ in batch]
        for (run, need), answer in zip(asks, self.ask(asks, dies), strict=True):
            assert isinstance(answer, Counted)
            if run not in self.answers:
                self.totals[need.key] = self.totals.get(need.key, 0) + need.add
                since = self.since.setdefault(need.key, answer.since)
                self.answers[run] = Counted(total=self.totals[need.key], since=since)
            assert answer == self.answers[run]

    @rule()
    def over(self) -> None:
        """Counting begins anew."""
        self.expire("counter")
        self.totals.clear()
        self.since.clear()


class Storages(Machine):
    """What is stored: by a dictionary, and another of what was answered."""

    @initialize()
    def begin(self) -> None:
        """Nothing is stored."""
        self.values: dict[str, Any] = {}
        self.inputs: dict[int, tuple[str, bool, Any]] = {}
        self.answers: dict[int, tuple[bool, Any]] = {}

    @rule(
        batch=st.lists(
            st.tuples(
                st.integers(0, 40),
                st.sampled_from("kl"),
                st.booleans(),
                st.none() | st.integers(0, 3) | st.just({"a": [1, None]}),
            ),
            min_size=1,
            max_size=8,
        ),
        dies=DIES,
    )
    def use(self, batch: list[tuple[int, str, bool, Any]], dies: int | None) -> None:
        """A batch of reads and writes: each sees what those before it wrote, and the same when it asks again."""
        for run, *given in batch:
            self.inputs.setdefault(run, (given[0], given[1], given[2]))
        asks: list[tuple[int, Stateful[Any]]] = []
        for run, *_ in batch:
            key, writes, value = self.inputs[run]
            asks.append((run, Put("", key, value, LONG) if writes else LoadValue("", key)))
        for (run, _), answer in zip(asks, self.ask(asks, dies), strict=True):
            assert isinstance(answer, Loaded | Stored)
            if isinstance(answer, Loaded):
                assert (answer.found, answer.value) == self.expected(run)
            else:
                assert (answer.replaced, answer.previous) == self.expected(run)

    def expected(self, run: int) -> tuple[bool, Any]:
        """Whether something was there, and what."""
        if run not in self.answers:
            key, writes, value = self.inputs[run]
            self.answers[run] = key in self.values, self.values.get(key)
            if writes and value is None:
                self.values.pop(key, None)
            elif writes:
                self.values[key] = value
        return self.answers[run]

    @rule()
    def over(self) -> None:
        """All that is stored is over."""
        self.expire("storage")
        self.values.clear()


class Throttles(Machine):
    """Who passes when: three a day; by lists of moments. Of key `l`, who must wait up to two days waits."""

    most = 3

    @initialize()
    def begin(self) -> None:
        """Nobody passed."""
        self.passed: dict[str, list[float]] = {"k": [], "l": []}
        self.keys: dict[int, str] = {}
        self.answers: dict[int, Permitted] = {}

    @rule(batch=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("kl")), min_size=1, max_size=8), dies=DIES)
    def permit(self, batch: list[tuple[int, str]], dies: int | None) -> None:
        """A batch of runs that want to pass; a place is taken once."""
        runs = [(run, self.keys.setdefault(run, key)) for run, key in batch]
        asks = [(run, Permit("", key, self.most, LONG, 2 * LONG if key == "l" else 0.0)) for run, key in runs]
        for (run, key), answer in zip(runs, self.ask(asks, dies), strict=True):
            assert isinstance(answer, Permitted)
            if run in self.answers:
                assert answer == self.answers[run]
                continue
            self.answers[run] = answer
            passed = self.passed[key]
            round_ = len(passed) // self.most
            assert (answer.passed, answer.waits) == (
                (True, round_ > 0) if round_ <= (key == "l") * 2 else (False, False)
            )
            if round_:
                assert answer.at == passed[-self.most] + LONG
            if answer.passed:
                passed.append(answer.at)

    @rule()
    def over(self) -> None:
        """All of it is over."""
        self.expire("throttle")
        for passed in self.passed.values():
            passed.clear()


@pytest.mark.parametrize("machine", [Claims, Rotations, Digests, Counters, Storages, Throttles])
def test_state_is_that_of_the_model_wherever_workers_die(machine: type[Machine], world: World) -> None:
    run_state_machine_as_test(bound(machine, world), settings=RULES)
