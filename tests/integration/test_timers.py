"""Timers on a real PostgreSQL: set once, fired by one replica at a time in order, ended by events, not lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Run, RunMessage
from contracts.topics import RUNS, RUNS_DLQ
from services.flows.outcomes import Sleep
from services.flows.waiting import cancel_hash, timer_id
from services.runtime import database
from services.runtime.kafka import MessageTooLargeError, OutgoingRecord
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools.timers.timer import SetTimer, Timer, timer_of
from services.tools.timers.timer_firing import TimerFiring
from services.tools.timers.timer_table import TimerTable
from tests.support import batches

CAME = datetime(2026, 5, 31, 12, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool, and no timers."""
    await database.migrate(database_url)
    made = await database.connect(database_url, size=8)
    await made.execute("truncate timers, timer_cancels")
    yield made
    await made.execute("truncate timers, timer_cancels")  # or a process of another test fires them
    made.terminate()


def made(number: int, due: datetime, *, key: str | None = None, **event: Any) -> Timer:
    """A timer of run number so and so."""
    came = batches.event(number, **{"accepted": CAME, **event})
    run = Run(id=stable_id("run", str(number)), flow="drip", version="v", event=came, key=came.subject, at="0")
    cancel = cancel_hash(came.account, batches.TRIGGER, "", key) if key is not None else None
    return timer_of(Sleep(run, timer_id(run.id, "0"), due, cancel))


def ago(seconds: float) -> datetime:
    """A moment that is over."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Published:
    """A publisher that keeps what it is given, and breaks when it is told to."""

    def __init__(self) -> None:
        self.outputs: list[OutgoingRecord] = []
        self.breaks = False

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Keep them."""
        self.outputs += outputs
        if self.breaks:
            raise SystemExit  # the process dies here

    def runs(self) -> list[str]:
        """The runs that go on, in order."""
        return [RunMessage.model_validate_json(output.value or b"").run.id for output in self.outputs]


async def test_due_waits_fire_in_the_order_of_their_moments_and_are_gone(pool: asyncpg.Pool) -> None:
    """What is not due stays."""
    store, published = TimerTable(pool), Published()
    timers = [made(number, ago(10 - number)) for number in (3, 1, 2)]
    await store.set([*timers, made(9, ago(-3600))])
    firing = TimerFiring(store, published, 1000)
    assert await firing.turn() == 3
    assert published.runs() == [timers[1].run.id, timers[2].run.id, timers[0].run.id]
    assert await firing.turn() == 0
    assert await pool.fetchval("select count(*) from timers") == 1


async def test_a_wait_that_is_set_again_stays_as_it_is(pool: asyncpg.Pool) -> None:
    store = TimerTable(pool)
    due = ago(-60)
    await store.set([made(1, due)])
    await store.set([made(1, due + timedelta(hours=1)), made(1, due + timedelta(hours=2))])
    assert await pool.fetchval("select due from timers") == due


async def test_what_was_published_by_a_replica_that_died_is_there_again(pool: asyncpg.Pool) -> None:
    store, published = TimerTable(pool), Published()
    await store.set([made(1, ago(1))])
    published.breaks = True
    with pytest.raises(SystemExit):
        await TimerFiring(store, published, 1000).turn()
    published.breaks = False
    assert await TimerFiring(store, published, 1000).turn() == 1
    first, second = published.outputs
    assert first == second


async def test_replicas_share_what_is_due_and_no_wait_fires_twice(pool: asyncpg.Pool) -> None:
    store, published = TimerTable(pool), Published()
    await store.set([made(number, ago(5)) for number in range(1000)])
    firings = [TimerFiring(store, published, 400) for _ in range(4)]
    while sum(await asyncio.gather(*(firing.turn() for firing in firings))):
        pass
    assert len(published.runs()) == len(set(published.runs())) == 1000


async def test_the_rate_bounds_what_is_taken_at_once(pool: asyncpg.Pool) -> None:
    """Overdue waits do not flood destinations."""
    store, published = TimerTable(pool), Published()
    await store.set([made(number, ago(5)) for number in range(100)])
    assert await TimerFiring(store, published, 40).turn() == 10


async def test_what_a_pause_of_hours_left_comes_in_order_and_at_the_rate(pool: asyncpg.Pool) -> None:
    """However much is overdue: in no second of the loop of one replica more than its rate, and a quarter."""
    store, published = TimerTable(pool), Published()
    await store.set([made(number, ago(3600 - number)) for number in range(240)])
    moments: list[float] = []
    done = asyncio.Event()

    async def publish(outputs: Sequence[OutgoingRecord]) -> None:
        moments.extend(time.monotonic() for _ in outputs)
        published.outputs += outputs
        if len(moments) == 240:
            done.set()

    published.publish = publish  # type: ignore[method-assign]
    firing = asyncio.create_task(TimerFiring(store, published, 160).run())
    await asyncio.wait_for(done.wait(), 30)
    firing.cancel()
    assert published.runs() == [stable_id("run", str(number)) for number in range(240)]
    assert all(later - moment >= 1.0 for moment, later in zip(moments, moments[200:], strict=False))


async def test_a_wait_whose_run_cannot_go_on_is_a_dead_letter_and_the_others_fire(pool: asyncpg.Pool) -> None:
    """Its record is one that Kafka never takes: it is not fired again and again with everybody behind it."""
    timers = [made(number, ago(10 - number)) for number in range(6)]
    bad = timers[2].run.id

    class Refusing(Published):
        async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
            if any(one.topic is RUNS and bad.encode() in (one.value or b"") for one in outputs):
                raise MessageTooLargeError("more than the topic takes")
            await super().publish(outputs)

    store, published, died = TimerTable(pool), Refusing(), list[DeadRunMark]()

    async def mark(dead: Sequence[DeadRunMark]) -> None:
        died.extend(dead)

    await store.set(timers)
    with capture_logs():
        assert await TimerFiring(store, published, 1000, mark).turn() == 6
    woken = [output for output in published.outputs if output.topic is RUNS]
    assert len(woken) == 5
    (letter,) = [output for output in published.outputs if output.topic is RUNS_DLQ]
    told = DeadLetter.from_headers(letter.headers or [])
    assert (told.code, told.run_id, told.topic) == (ErrorCode.MESSAGE_TOO_LARGE, bad, f"timers/{timers[2].id}")
    assert RunMessage.read(letter.value).run.id == bad
    assert [death.run_id for death in died] == [bad]
    assert await pool.fetchval("select count(*) from timers") == 0


async def test_events_end_waits_of_their_key(pool: asyncpg.Pool) -> None:
    """Not those of later events, nor the one that they began themselves."""
    store = TimerTable(pool)
    own = batches.event(1, accepted=CAME)
    await store.set([made(1, ago(-60), key="ana"), made(2, ago(-60), key="rui"), made(3, ago(-60))])
    await store.set([made(4, ago(-60), key="ana", accepted=CAME + timedelta(minutes=9))])
    later = batches.event(8, accepted=CAME + timedelta(minutes=5))
    found = await store.ended_by([(cancel_hash("default", batches.TRIGGER, "", "ana"), each) for each in (own, later)])
    assert [(waiting.timer, event.id) for waiting, event, _ in found] == [(made(1, CAME).id, "8")]
    await store.delete([waiting.id for waiting, *_ in found])
    assert await pool.fetchval("select count(*) from timers") == 3


async def test_each_of_several_events_ends_a_wait_and_is_told(pool: asyncpg.Pool) -> None:
    """By the first that came; of two hashes that one event has, by the flow's first."""
    store = TimerTable(pool)
    names = {name: cancel_hash("default", batches.TRIGGER, "", name) for name in ("ana", "rui", "eva", "zoe")}
    several = replace(made(1, ago(-60)), cancels=(names["ana"], names["rui"], names["eva"]), keeps_event=True)
    await store.set([several, made(2, ago(-60), key="rui"), replace(made(3, ago(-60)), cancels=(names["zoe"],))])
    first, second = (batches.event(number, accepted=CAME + timedelta(minutes=number)) for number in (8, 9))

    async def ended(*events: tuple[str, Event]) -> list[tuple[int, str, str | None, bool]]:
        found = await store.ended_by([(names[name], event) for name, event in events])
        by_id = {made(number, CAME).id: number for number in (1, 2, 3)}
        return [(by_id[one.wait.timer], one.event.id, one.cancel, one.wait.keeps_event) for one in found]

    assert await ended(("eva", first)) == [(1, "8", names["eva"], True)]
    assert await ended(("rui", first)) == [(1, "8", names["rui"], True), (2, "8", None, False)]
    assert await ended(("eva", first), ("ana", first), ("rui", second)) == [
        (1, "8", names["ana"], True),
        (2, "9", None, False),
    ]
    assert await ended(("zoe", second), ("eva", second)) == [
        (1, "9", names["eva"], True),
        (3, "9", None, False),
    ]


async def test_an_event_does_not_wait_for_rows_that_are_being_fired(pool: asyncpg.Pool) -> None:
    """It reads them; which of the two ends the wait is decided where their records are read."""
    store = TimerTable(pool)
    await store.set([made(1, ago(1), key="ana")])
    later = batches.event(8, accepted=CAME + timedelta(minutes=5))

    async def look(waits: Sequence[SetTimer]) -> None:
        found = await store.ended_by([(cancel_hash("default", batches.TRIGGER, "", "ana"), later)])
        assert [waiting.id for waiting, *_ in found] == [one.id for one in waits]

    assert await asyncio.wait_for(store.fire(10, look), 5) == 1


async def test_how_long_the_first_is_overdue(pool: asyncpg.Pool) -> None:
    store = TimerTable(pool)
    assert await store.overdue_seconds() == 0
    await store.set([made(1, ago(60)), made(2, ago(-60))])
    assert 59 < await store.overdue_seconds() < 90


async def test_a_key_with_any_characters_can_wait(pool: asyncpg.Pool) -> None:
    """Also with those that PostgreSQL cannot keep in a text."""
    store, published = TimerTable(pool), Published()
    timer = made(1, ago(1), subject="a\0b" * 100, account="ç\\")
    await store.set([timer])
    await TimerFiring(store, published, 100).turn()
    (output,) = published.outputs
    assert RunMessage.model_validate_json(output.value or b"").run == timer.run
