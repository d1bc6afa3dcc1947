"""Waits and echoes in PostgreSQL against plain Python, with workers that die between any two steps."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import EndedBy, Run, RunMessage, Wake
from services.flows.outcomes import Sleep
from services.flows.sync import Write, changed
from services.flows.waiting import cancel_hash, timer_id
from services.runtime.database import connect, migrate
from services.tools import claims
from services.tools.claims import Claim
from services.tools.echoes.limits import Limits
from services.tools.echoes.store import Store as Echoes
from services.tools.records import Output
from services.tools.timers import timer
from services.tools.timers.firing import Firing
from services.tools.timers.store import Store
from services.tools.timers.timer import timer_of
from services.tools.timers.timers import SCOPE
from tests.support import batches
from tests.support.breaking import BreakingPool

RULES = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DIES = st.none() | st.integers(0, 5)
"""Before which statement or commit the worker dies; none: it lives."""
KEEP = timedelta(hours=1)
NOON = datetime(2026, 5, 31, 12, tzinfo=UTC)


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
        self.run(self.pool.execute("truncate timers"))
        self.pool.terminate()
        self._runner.close()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    made = World(database_url)
    yield made
    made.close()


class Waits(RuleBasedStateMachine):
    """Six waits of two keys. Kafka is a list; who reads it claims, as the processor does, dies, and reads again."""

    world: World

    @initialize()
    def begin(self) -> None:
        """Nothing waits."""
        self.account = uuid.uuid4().hex
        self.world.run(self.world.pool.execute("truncate timers"))
        self.kafka: list[bytes] = []
        self.read = 0
        self.set: dict[int, bool] = {}  # wait → whether it is due
        self.cancelled: set[int] = set()
        self.resumed: list[str] = []

    def pool(self, dies: int | None) -> asyncpg.Pool:
        """A worker's pool."""
        return BreakingPool.of(self.world.pool, dies)

    def attempt(self, work: Callable[[asyncpg.Pool], Coroutine[Any, Any, Any]], dies: int | None) -> bool:
        """Do it with a worker that may die; whether it lived."""
        try:
            self.world.run(work(self.pool(dies)))
        except ConnectionResetError:
            assert dies is not None
            return False
        return True

    def event(self, number: int, after: int) -> Event:
        """An event of this account."""
        came = NOON + timedelta(seconds=after)
        return batches.event(number, account=self.account, accepted=came, subject=f"key-{number % 2}")

    async def publish(self, outputs: Sequence[Output]) -> None:
        """As Kafka: what is acknowledged stays."""
        self.kafka += [output.value or b"" for output in outputs]

    @rule(number=st.integers(0, 5), due=st.booleans(), dies=DIES)
    def wait(self, number: int, due: bool, dies: int | None) -> None:  # noqa: FBT001 - hypothesis gives it by name
        """A step waits; a worker that died does it again, and later, so that its moment is another one."""
        event = self.event(number, 0)
        run = Run(
            id=stable_id(self.account, str(number)), flow="f", version="v", event=event, key=event.subject, at="0"
        )
        until = datetime.now(UTC) + timedelta(hours=-1 if due else 1)
        cancel = cancel_hash(self.account, event.type, "", event.subject)
        one = timer_of(Sleep(run, timer_id(run.id, "0"), until, cancel))
        if not self.attempt(lambda pool: Store(pool).set([one]), dies):
            self.attempt(lambda pool: Store(pool).set([one]), None)
        self.set.setdefault(number, due)

    @rule(dies=DIES)
    def fire(self, dies: int | None) -> None:
        """Whoever comes next fires what is left."""
        self.attempt(lambda pool: Firing(Store(pool), self, 1000).turn(), dies)

    @rule(number=st.integers(6, 9), dies=DIES)
    def event_comes(self, number: int, dies: int | None) -> None:
        """A later event of a key; a worker that died takes it again."""
        event = self.event(number, 60)
        self.cancelled |= {one for one in self.set if one % 2 == number % 2}

        async def take(pool: asyncpg.Pool) -> None:
            store = Store(pool)
            found = await store.ended_by([(cancel_hash(self.account, event.type, "", event.subject), event)])
            wakes = [Wake(timer=one.timer, due=one.due, by=EndedBy.EVENT) for one, _ in found]
            await self.publish(
                [timer.record(one.key, one.run, wake) for (one, _), wake in zip(found, wakes, strict=True)]
            )
            await store.delete([one.id for one, _ in found])

        if not self.attempt(take, dies):
            self.attempt(take, None)

    @rule(dies=DIES)
    def go_on(self, dies: int | None) -> None:
        """Read what is on `runs`; who died reads it again from the same place."""
        for place in range(self.read, len(self.kafka)):
            message = RunMessage.model_validate_json(self.kafka[place])
            assert message.wake is not None
            wish = Claim(self.account, message.wake.timer, f"{self.account}/{place}")

            async def take(pool: asyncpg.Pool, wish: Claim = wish) -> None:
                (first,) = await claims.claim(pool, SCOPE, [wish], KEEP)
                self.first = first

            self.attempt(take, dies)
            self.attempt(take, None)
            if self.first:
                self.resumed.append(message.run.id)
        self.read = len(self.kafka)

    def teardown(self) -> None:
        """Every wait that is due or ended by an event goes on once; the others still wait."""
        if not hasattr(self, "set"):
            return
        self.fire(None)
        self.go_on(None)
        assert len(self.resumed) == len(set(self.resumed))
        ended = {stable_id(self.account, str(one)) for one, due in self.set.items() if due or one in self.cancelled}
        assert set(self.resumed) == ended
        rows = self.world.run(self.world.pool.fetch("select run_id from timers"))
        waiting = {row["run_id"] for row in rows} - ended
        assert waiting == {stable_id(self.account, str(one)) for one in self.set} - ended


class Syncs(RuleBasedStateMachine):
    """Two contacts, three values. The model: how many writes of a value are open, and what each event was told."""

    world: World

    @initialize()
    def begin(self) -> None:
        """Nothing was written."""
        self.account = uuid.uuid4().hex
        self.open: dict[tuple[int, int], int] = {}
        self.written: set[tuple[int, int, int]] = set()
        self.told: dict[tuple[int, int, int], str] = {}

    def event(self, contact: int, value: int, number: int) -> Event:
        """A contact's name is that value now."""
        data = {"contact_id": str(contact), "name": f"n{value}", "changed": ["name"]}
        return Event(
            id=f"{contact}-{value}-{number}",
            source="/crm",
            type="webhook.crm",
            subject=str(contact),
            account=self.account,
            time=NOON,
            data=data,
        )

    def twice(self, work: Callable[[Echoes], Coroutine[Any, Any, Any]], dies: int | None) -> Any:
        """With a worker that may die; then another does it again, in any case."""
        try:
            self.world.run(
                work(Echoes(BreakingPool.of(self.world.pool, dies), Limits(most_a_minute=10_000, most_hops=99)))
            )
        except ConnectionResetError:
            assert dies is not None
        return self.world.run(work(Echoes(self.world.pool, Limits(most_a_minute=10_000, most_hops=99))))

    @rule(contact=st.integers(0, 1), value=st.integers(0, 2), number=st.integers(0, 3), dies=DIES)
    def write(self, contact: int, value: int, number: int, dies: int | None) -> None:
        """A call is about to set a value; the same call again is the same write."""
        event = self.event(contact, value, number)
        one = (contact, value, number)
        run = Run(id=str(one), flow="f", version="v", event=event, key=str(contact))
        request = ActionRequest(
            effect_id=stable_id(self.account, str(one)), action="a", inputs={}, step="0", run=run, requested=NOON
        )
        write = Write("crm", {"id": str(contact)}, {"name": f"n{value}"})
        self.twice(lambda echoes: echoes.write([(request, write)]), dies)
        if one not in self.written:
            self.written.add(one)
            self.open[contact, value] = self.open.get((contact, value), 0) + 1

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=5, unique=True
        ),
        dies=DIES,
    )
    def changes_come(self, batch: list[tuple[int, int, int]], dies: int | None) -> None:
        """A batch of changes; some came before, and are told the same."""
        events = [self.event(*one) for one in batch]
        pairs = [(event, change) for event in events if (change := changed(event)) is not None]
        found = self.twice(lambda echoes: echoes.judge(pairs), dies)
        for (contact, value, number), verdict in zip(batch, found, strict=True):
            one = (contact, value, number)
            if one not in self.told:
                left = self.open.get((contact, value), 0)
                self.told[one] = "suppressed" if left else "passed"
                self.open[contact, value] = max(0, left - 1)
            assert verdict.decision == self.told[one]


@pytest.mark.parametrize("machine", [Waits, Syncs])
def test_as_plain_python_has_it(machine: type[Waits | Syncs], world: World) -> None:
    """Whatever dies between which steps: each wait goes on once, each write answers for one change."""
    bound = type(machine.__name__, (machine,), {"world": world})
    run_state_machine_as_test(bound, settings=RULES)
