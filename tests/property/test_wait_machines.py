"""Waits and echoes in PostgreSQL against plain Python, with workers that die between any two steps."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Run, RunMessage
from services.flows.outcomes import Sleep
from services.flows.sync import Write, changed
from services.flows.waiting import cancel_hash, timer_id
from services.runtime.kafka import OutgoingRecord
from services.tools import claims
from services.tools.claims import EventClaim
from services.tools.echoes.echo_tables import EchoTables as Echoes
from services.tools.echoes.loop_limits import LoopLimits
from services.tools.timers.timer import timer_of
from services.tools.timers.timer_firing import TimerFiring
from services.tools.timers.timer_table import TimerTable
from services.tools.timers.timers import SCOPE
from tests.support import batches
from tests.support.machines import DIES, RULES, World, bound

T = TypeVar("T")
KEEP = timedelta(hours=1)
NOON = datetime(2026, 5, 31, 12, tzinfo=UTC)


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

    def event(self, number: int, after: int) -> Event:
        """An event of this account."""
        came = NOON + timedelta(seconds=after)
        return batches.event(number, account=self.account, accepted=came, subject=f"key-{number % 2}")

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
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
        self.world.attempt(lambda pool: TimerTable(pool).set([one]), dies)
        self.world.attempt(lambda pool: TimerTable(pool).set([one]), None)
        self.set.setdefault(number, due)

    @rule(dies=DIES)
    def fire(self, dies: int | None) -> None:
        """Whoever comes next fires what is left."""
        self.world.attempt(lambda pool: TimerFiring(TimerTable(pool), self, 1000).turn(), dies)

    @rule(number=st.integers(6, 9), dies=DIES)
    def event_comes(self, number: int, dies: int | None) -> None:
        """A later event of a key; a worker that died takes it again."""
        event = self.event(number, 60)
        self.cancelled |= {one for one in self.set if one % 2 == number % 2}

        async def take(pool: asyncpg.Pool) -> None:
            store = TimerTable(pool)
            found = await store.ended_by([(cancel_hash(self.account, event.type, "", event.subject), event)])
            await self.publish([one.record("it came") for one in found])
            await store.delete([one.wait.id for one in found])

        self.world.attempt(take, dies)
        self.world.attempt(take, None)

    @rule(dies=DIES)
    def go_on(self, dies: int | None) -> None:
        """Read what is on `runs`; who died reads it again from the same place."""
        for place in range(self.read, len(self.kafka)):
            message = RunMessage.model_validate_json(self.kafka[place])
            assert message.wake is not None
            wish = EventClaim(self.account, message.wake.timer, f"{self.account}/{place}")

            async def take(pool: asyncpg.Pool, wish: EventClaim = wish) -> bool:
                (first,) = await claims.claim(pool, SCOPE, [wish], KEEP)
                return first

            self.world.attempt(take, dies)
            if self.world.attempt(take, None):
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


class Echoed(RuleBasedStateMachine):
    """Writes of ours and changes that come in, of an account of its own."""

    world: World

    @initialize()
    def begin(self) -> None:
        """Nothing was written."""
        self.account = uuid.uuid4().hex
        self.open: Counter[tuple[int, str]] = Counter()
        self.written: set[str] = set()
        self.told: dict[str, str] = {}

    def event(self, contact: int, name: str, field: str, **change: object) -> Event:
        """Something of a contact is another now."""
        return Event(
            id=name,
            source="/crm",
            type="webhook.crm",
            subject=str(contact),
            account=self.account,
            time=NOON,
            data={"contact_id": str(contact), "changes": {field: change}},
        )

    def twice(self, work: Callable[[Echoes], Coroutine[Any, Any, T]], dies: int | None) -> T:
        """With a worker that may die; then another does it again, in any case."""
        limits = LoopLimits(most_a_minute=10_000, most_hops=99)
        self.world.attempt(lambda pool: work(Echoes(pool, limits)), dies)
        done: T = self.world.run(work(Echoes(self.world.pool, limits)))
        return done

    def wrote(self, contact: int, name: str, write: Write, dies: int | None) -> bool:
        """A call is about to be made. Whether it is another one: the same call again is the same write."""
        event = self.event(contact, name, "x")
        run = Run(id=name, flow="f", version="v", event=event, key=str(contact))
        request = ActionRequest(
            effect_id=stable_id(self.account, name), action="a", inputs={}, step="0", run=run, requested=NOON
        )
        self.twice(lambda echoes: echoes.write([(request, write)]), dies)
        new = name not in self.written
        self.written.add(name)
        return new

    def came(self, events: Sequence[Event], dies: int | None) -> list[str]:
        """What a batch of changes is told; those that came before are told the same."""
        pairs = [(event, change) for event in events if (change := changed(event)) is not None]
        assert len(pairs) == len(events)
        return [verdict.decision for verdict in self.twice(lambda echoes: echoes.judge(pairs), dies)]


class Syncs(Echoed):
    """Two contacts, three values. The model: how many writes of a value are open, and what each event was told."""

    @rule(contact=st.integers(0, 1), value=st.integers(0, 2), number=st.integers(0, 3), dies=DIES)
    def write(self, contact: int, value: int, number: int, dies: int | None) -> None:
        """A call is about to set a value."""
        name = f"{contact}-{value}-{number}"
        if self.wrote(contact, name, Write("crm", {"id": str(contact)}, {"name": f"n{value}"}), dies):
            self.open[contact, f"n{value}"] += 1

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 5), st.booleans()),
            min_size=1,
            max_size=5,
            unique=True,
        ),
        dies=DIES,
    )
    def changes_come(self, batch: list[tuple[int, int, int, bool]], dies: int | None) -> None:
        """A batch of changes, some of them altered on their way."""
        events = [
            self.event(contact, str(one), "name", after=f" N{value}" if altered else f"n{value}")
            for one in batch
            for contact, value, _, altered in [one]
        ]
        found = self.came(events, dies)
        for (contact, value, *_), event, decision in zip(batch, events, found, strict=True):
            if event.id not in self.told:
                left = self.open[contact, f"n{value}"]
                self.told[event.id] = "suppressed" if left else "passed"
                self.open[contact, f"n{value}"] = max(0, left - 1)
            assert decision == self.told[event.id]


class Tags(Echoed):
    """One contact's tags, set one by one. The model: how many of each that come or go are ours and not heard yet."""

    @rule(tag=st.sampled_from("abc"), comes=st.booleans(), number=st.integers(0, 3), dies=DIES)
    def write(self, tag: str, comes: bool, number: int, dies: int | None) -> None:  # noqa: FBT001 - by name
        """A call is about to add a tag, or to remove one."""
        sign = "+" if comes else "-"
        one = {"tags": tag}
        write = Write("crm", {"id": "8"}, {}, one if comes else {}, {} if comes else one)
        if self.wrote(8, f"{sign}{tag}{number}", write, dies):
            self.open[8, sign + tag] += 1

    @rule(
        batch=st.lists(
            st.tuples(
                st.frozensets(st.sampled_from("abc")), st.frozensets(st.sampled_from("abc")), st.integers(0, 2)
            ).filter(lambda one: one[0] != one[1]),
            min_size=1,
            max_size=4,
        ),
        dies=DIES,
    )
    def changes_come(self, batch: list[tuple[frozenset[str], frozenset[str], int]], dies: int | None) -> None:
        """A batch of changes: of some all is ours, of some a part."""
        events = [
            self.event(8, f"{sorted(was)} {sorted(now)} {number}", "tags", before=sorted(was), after=sorted(now))
            for was, now, number in batch
        ]
        found = self.came(events, dies)
        for (was, now, _), event, decision in zip(batch, events, found, strict=True):
            if event.id not in self.told:
                moved = [f"+{tag}" for tag in now - was] + [f"-{tag}" for tag in was - now]
                ours = [one for one in moved if self.open[8, one]]
                self.open.subtract((8, one) for one in ours)
                self.told[event.id] = "suppressed" if ours == moved else "passed"
            assert decision == self.told[event.id]


@pytest.mark.parametrize("machine", [Waits, Syncs, Tags])
def test_as_plain_python_has_it(machine: type[Waits | Echoed], world: World) -> None:
    """Whatever dies between which steps: each wait goes on once, each write answers for one change."""
    run_state_machine_as_test(bound(machine, world), settings=RULES)
