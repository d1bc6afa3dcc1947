"""What waits in PostgreSQL and comes back: each row once, in order, when it is due, and what memory knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.ids import stable_id
from services.actions.attempt.plan import Planner
from services.actions.attempt.states import Waiting
from services.actions.outcome import Failed
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.queue.outline import outline
from services.actions.queue.parked_rows import ParkedRows
from services.actions.queue.parked_table import Parked
from services.actions.queue.parking import (
    AGAIN_SECONDS,
    LANES_AT_ONCE,
    NEWEST_LANES,
    ROWS_A_LANE,
    ROWS_OF_A_SHELF,
    UNLOADABLE_SECONDS,
    UNWRITTEN_SECONDS,
    Parking,
)
from services.actions.registry import ACTIONS
from services.actions.world import World
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.faults import Faults
from tests.support.world.tables import FakeParked
from tests.unit.actions.plans import CONNECTIONS, planned

PLACE = "t.actions/0"
MOST, MOST_BYTES = 100, 50_000


class Ill(Faults):
    """Raises or waits where a test says. `waits`: for what; `raises`: what of which."""

    def __init__(self) -> None:
        self.waits: dict[str, asyncio.Event] = {}
        self.raises: dict[str, Exception] = {}

    async def before(self, what: str) -> None:
        """As a test says."""
        await self._waited(what)
        if (error := self.raises.get(what)) is not None:
            raise error
        await asyncio.sleep(0)

    async def after(self, what: str) -> None:
        """It was done, and nobody was told."""
        await self._waited(f"{what}, told")

    async def _waited(self, what: str) -> None:
        if (event := self.waits.get(what)) is not None:
            await event.wait()


def subject(lane: str) -> str:
    """A contact's."""
    return f"+35191{lane}"


def name(lane: str, connection: str = "crm") -> str:
    """A lane's, in the table."""
    return stable_id("default", subject(lane), connection)


class Stage:
    """Parking over a table in memory, on made time."""

    def __init__(self) -> None:
        clock = asyncio.get_running_loop().time
        self.world = World(now=clock, wall=clock)
        self.ill = Ill()
        self.table = FakeParked(self.world, self.ill)
        self.news = asyncio.Event()
        self.waits: list[None] = []
        self.parking = Parking(
            ParkedRows(self.table, lambda: self.waits.append(None)),
            Planner(ACTIONS, CONNECTIONS).plan,
            park_seconds=5.0,
            most=MOST,
            most_bytes=MOST_BYTES,
            news=self.news,
            world=self.world,
        )
        self.here = self.assignment(0)

    def assignment(self, partition: int) -> Assignment:
        """Of a partition."""
        place = f"t.actions/{partition}"
        return Assignment(("t.actions", partition), cast("Any", SimpleNamespace(place=place)))

    def job(self, offset: int, lane: str = "a", *, state: Waiting = Waiting(), **fields: Any) -> Job:  # noqa: B008 - frozen
        """A request of a contact, taken from Kafka."""
        self.here.offsets.take(offset)
        return Job(planned(request(offset, subject(lane), **fields), offset), self.here, state=state)

    def keep(self, offset: int, lane: str = "a", **row: Any) -> None:
        """A row that an earlier owner wrote."""
        plan = planned(request(offset, subject(lane)), offset)
        made = Parked(PLACE, name(lane), plan.record, 0, 0.0)._replace(**row)
        now = self.world.now()
        self.table.rows[PLACE, made.lane, offset] = (made, now - made.age_seconds, now + made.wait_seconds)

    def rows(self) -> list[tuple[str, int]]:
        """What is in the table."""
        return sorted((lane, offset) for _, lane, offset in self.table.rows)

    async def load(self) -> list[int]:
        """The offsets of what comes into memory."""
        return [job.offset for job in await self.parking.load()]


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """A story with a stage of its own."""

    async def played() -> None:
        stage = Stage()
        await story(stage)
        await stage.parking.close()

    loop.run(played)


def metric(which: str, **labels: str) -> float:
    """Its value."""
    return REGISTRY.get_sample_value(which, labels) or 0.0


def test_an_owner_finds_what_waits() -> None:
    """Each lane is due when it was said; what waits for a connection stands on its shelf."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        began = stage.world.now()
        stage.keep(1, "a", wait_seconds=3.0, attempts=2, age_seconds=7.0)
        stage.keep(2, "a", wait_seconds=9.0, age_seconds=4.0, still=True)
        stage.keep(3, "b", wait_seconds=1.0)
        stage.keep(4, "c", connection="crm")
        stage.keep(5, "d", connection="other")
        stage.keep(6, "d", connection="other")
        await parking.enter(stage.here)
        await asyncio.sleep(0.1)
        assert (parking.rows, parking.due, parking.entering, parking.full) == (6, False, 0, False)
        assert sorted(parking.shelves()) == [(stage.here, "crm"), (stage.here, "other")]
        assert parking.shelves("crm") == [(stage.here, "crm")]
        assert parking.part == 6 / MOST
        parking.show()
        assert metric("flows_parked_requests") == 6
        assert metric("flows_parked_part") == 6 / MOST
        await asyncio.wait_for(stage.news.wait(), 1.5)
        stage.news.clear()
        assert parking.due
        assert await stage.load() == [3]
        assert not parking.due
        assert await stage.load() == []
        await asyncio.wait_for(stage.news.wait(), 2.5)
        first, second = await parking.load()
        assert (first.offset, first.parked, first.assignment) == (1, name("a"), stage.here)
        assert isinstance(first.state, Waiting)
        assert isinstance(second.state, Waiting)
        assert (first.state.attempts, first.state.still) == (2, None)
        assert first.state.began == pytest.approx(began - 7.0, abs=0.1)
        assert second.state.attempts == 0
        assert second.state.still == pytest.approx(stage.world.now(), abs=0.1)
        assert second.state.began == pytest.approx(stage.world.now() - 4.0, abs=0.1)
        assert parking.rows == 6

    play(story)


def test_nobody_waits_until_what_waits_is_counted() -> None:
    """Where millions do it takes long: one partition at a time, and what moves meanwhile counts once."""

    async def story(stage: Stage) -> None:
        parking, counted = stage.parking, stage.ill.waits.setdefault("parked.count", asyncio.Event())
        stage.keep(1, "a", wait_seconds=60.0)
        stage.keep(2, "b", connection="crm")
        stage.keep(3, "c", connection="crm")
        stage.keep(4, "d", connection="crm")
        there, gone = stage.assignment(0), stage.assignment(0)
        for one in (stage.here, there, gone):
            await parking.enter(one)
        assert (parking.rows, parking.entering) == (3, 0)
        assert len(await parking.take_down(stage.here, "crm", 9)) == 3
        parking.leave(gone)
        await asyncio.sleep(0.1)
        assert parking.rows == 2
        counted.set()
        await asyncio.sleep(0.1)
        assert parking.rows == 8
        parking.leave(there)
        assert parking.rows == 4

    play(story)


def test_what_moves_before_it_is_counted_counts_once() -> None:
    """Another partition is counted first meanwhile."""

    async def story(stage: Stage) -> None:
        parking, counted = stage.parking, stage.ill.waits.setdefault("parked.count", asyncio.Event())
        stage.keep(2, "b", connection="crm")
        stage.keep(3, "c", connection="crm")
        await parking.enter(stage.assignment(0))
        await parking.enter(stage.here)
        taken, _ = await parking.take_down(stage.here, "crm", 9)
        await parking.finished(taken)
        assert parking.rows == 0
        parking.shelve(stage.job(5, "d"))
        parking.shelve(stage.job(6, "d"))
        await asyncio.sleep(0.1)
        counted.set()
        await asyncio.sleep(0.1)
        assert parking.rows == 2 * 3

    play(story)


def test_what_cannot_be_counted_is_told() -> None:
    """It counts too low, and works on."""

    async def story(stage: Stage) -> None:
        stage.ill.raises["parked.count"] = ValueError("no number")
        stage.keep(2, "b", connection="crm")
        before = metric("flows_bugs_total", topic="actions")
        with capture_logs() as logs:
            await stage.parking.enter(stage.here)
            await asyncio.sleep(0.1)
        assert [(one["event"], one["place"], one["log_level"]) for one in logs] == [("count.broke", PLACE, "critical")]
        assert metric("flows_bugs_total", topic="actions") == before + 1
        assert stage.parking.rows == 0
        assert len(await stage.parking.take_down(stage.here, "crm", 9)) == 1

    play(story)


def test_a_lane_that_is_parked_comes_back_when_it_is_due() -> None:
    """With all that stood behind it; what is written is finished here, and told in the log."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        await parking.enter(stage.here)
        now = stage.world.now()
        tried = stage.job(1, state=Waiting(2, now - 5.0))
        behind = [stage.job(2), stage.job(3)]
        with capture_logs() as logs:
            await parking.park(tried, behind, 60.04)
        told = {"event": "lane.parked", "place": PLACE, "lane": name("a"), "behind": 2, "seconds": 60.0}
        assert logs == [told | {"log_level": "info"}]
        assert stage.rows() == [(name("a"), offset) for offset in (1, 2, 3)]
        assert (parking.rows, stage.here.offsets.position) == (3, 4)
        row, began, due = stage.table.rows[PLACE, name("a"), 1]
        assert (row.attempts, row.still, row.connection, row.deadline) == (2, False, "", None)
        assert (began, due) == pytest.approx((now - 5.0, now + 60.04), abs=0.1)
        await asyncio.sleep(59.9)
        assert not parking.due
        await asyncio.sleep(0.2)
        jobs = await parking.load()
        assert [job.offset for job in jobs] == [1, 2, 3]
        # Tried again, and parked again: only what is new is written, and nothing counts twice.
        again, *rest = jobs
        assert isinstance(again.state, Waiting)
        again.state = replace(again.state, attempts=3)
        await parking.park(again, [*rest, stage.job(4)], 7.0)
        assert parking.rows == 4
        assert stage.table.rows[PLACE, name("a"), 1][0].attempts == 3
        await asyncio.sleep(7.1)
        assert await stage.load() == [1, 2, 3, 4]

    play(story)


@pytest.mark.parametrize(("still", "age"), [(None, 8.0), (1002.0, 6.0)])
def test_what_is_parked_is_as_old_as_it_is(still: float | None, age: float) -> None:
    """Unless its time stands still: since then it grows no older. What was never tried has no age."""

    async def story(stage: Stage) -> None:
        await stage.parking.enter(stage.here)
        await asyncio.sleep(1004.0 - stage.world.now())
        deadline = datetime.fromtimestamp(stage.world.now() + 60.0, UTC)
        tried = stage.job(1, state=Waiting(1, 996.0, still=still), deadline=deadline)
        await stage.parking.park(tried, [stage.job(2, state=Waiting(0, 0.0))], 9.0)
        row = stage.table.rows[PLACE, name("a"), 1][0]
        assert row.age_seconds == pytest.approx(age, abs=0.1)
        assert row.still is (still is not None)
        assert row.deadline == pytest.approx(deadline.timestamp())
        assert stage.table.rows[PLACE, name("a"), 2][0].age_seconds == 0.0

    play(story)


def test_what_comes_for_a_lane_that_waits_is_written_behind_it() -> None:
    """And for a connection that is ill, or has a shelf; all else is not taken."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        first = stage.job(1)
        assert not parking.takes(first)
        await parking.enter(stage.here)
        await parking.park(first, [], 60.0)
        assert not parking.takes(stage.job(2, "b"))
        assert parking.takes(stage.job(3, "a"))
        assert parking.takes(stage.job(4, "a"), shut=True)
        assert parking.entering == 2
        await asyncio.sleep(0.1)
        assert (parking.entering, parking.rows) == (0, 3)
        assert parking.shelves() == []
        assert parking.takes(stage.job(5, "b"), shut=True)
        assert parking.takes(stage.job(6, "c"))
        assert not parking.takes(stage.job(7, "d", connection="other"))
        plain = {"method": "GET", "url": "http://x.example/"}
        assert not parking.takes(stage.job(8, "d", connection=None, inputs=plain), shut=True)
        await asyncio.sleep(0.1)
        kept = {offset: row for (_, _, offset), (row, _, _) in stage.table.rows.items()}
        assert [kept[offset].connection for offset in (1, 3, 4, 5, 6)] == ["", "", "", "crm", "crm"]
        assert [kept[offset].still for offset in (3, 5, 6)] == [False, True, True]
        assert kept[5].lane == name("b")
        for offset in (2, 7, 8):
            stage.here.offsets.finish(offset)
        assert stage.here.offsets.position == 9
        assert parking.rows == 5

    play(story)


def test_what_comes_for_an_ill_connection_is_written_as_it_came() -> None:
    """Unless its lane waits by itself, which has the word, or it has no connection."""

    async def story(stage: Stage) -> None:
        parking = stage.parking

        def comes(offset: int, lane: str, *, shut: bool, **fields: Any) -> bool:
            record = stage.job(offset, lane, **fields).plan.record
            about = outline(record)
            assert about is not None
            return parking.takes_unread(record, stage.here, about, shut=shut)

        await parking.enter(stage.here)
        await parking.park(stage.job(1, "a"), [], 60.0)
        deadline = datetime.fromtimestamp(stage.world.now() + 60.0, UTC)
        assert not comes(2, "b", shut=False)
        assert comes(3, "b", shut=True, deadline=deadline)
        assert comes(4, "c", shut=False)
        assert not comes(5, "a", shut=True)
        assert not comes(6, "b", shut=True, connection=None, inputs={"method": "GET", "url": "http://x.example/"})
        assert not comes(7, "b", shut=False, connection="other")
        await asyncio.sleep(0.1)
        row = stage.table.rows[PLACE, name("b"), 3][0]
        assert (row.attempts, row.age_seconds, row.still, row.connection) == (0, 0.0, True, "crm")
        assert (row.deadline, row.wait_seconds) == (deadline.timestamp(), 0.0)
        assert stage.table.rows[PLACE, name("c"), 4][0].deadline is None
        assert parking.rows == 3
        stage.here.offsets.finish(2)
        assert stage.here.offsets.position == 5

    play(story)


def test_a_shelf_is_taken_down_in_order_and_goes_when_it_is_empty() -> None:
    """What a lane that waits by itself has there is its own, and what is in memory is not taken again."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        for offset, lane in enumerate("abacbd"):
            stage.keep(offset, lane, connection="crm", attempts=offset)
        await parking.enter(stage.here)
        assert await parking.take_down(stage.here, "other", 9) == []
        assert await parking.take_down(stage.assignment(1), "crm", 9) == []
        first = await parking.take_down(stage.here, "crm", 2)
        assert [(job.offset, job.parked, job.state.attempts) for job in first] == [(0, name("a"), 0), (1, name("b"), 1)]
        await parking.park(stage.job(9, "c"), [], 60.0)
        # One goes back, and so what lies behind it is read again, but for what is in memory.
        parking.shelve(first[1])
        second = await parking.take_down(stage.here, "crm", 3)
        assert [job.offset for job in second] == [1, 2]
        third = await parking.take_down(stage.here, "crm", 99)
        assert [job.offset for job in third] == [4, 5]
        assert parking.shelves() == [(stage.here, "crm")]
        assert await parking.take_down(stage.here, "crm", 99) == []
        assert parking.shelves() == []
        assert await parking.take_down(stage.here, "crm", 99) == []

    play(story)


def test_a_shelf_stays_while_something_is_on_its_way_to_it() -> None:
    """Or has come there while it was read; what came late is read though later records were."""

    async def story(stage: Stage) -> None:
        parking, here = stage.parking, stage.here
        stage.keep(5, "a", connection="crm")
        await parking.enter(here)
        written = stage.ill.waits["parked.add"] = asyncio.Event()
        parking.shelve(stage.job(3, "b"))
        assert [job.offset for job in await parking.take_down(here, "crm", 99)] == [5]
        assert await parking.take_down(here, "crm", 99) == []
        assert parking.shelves() == [(here, "crm")]
        reading = asyncio.create_task(parking.take_down(here, "crm", 99))
        await asyncio.sleep(0)
        written.set()
        assert await reading == []
        await asyncio.sleep(0.1)
        assert parking.shelves() == [(here, "crm")]
        assert [job.offset for job in await parking.take_down(here, "crm", 99)] == [3]
        assert await parking.take_down(here, "crm", 99) == []
        assert parking.shelves() == []

    play(story)


def test_of_a_shelf_at_most_so_many_are_read_at_once() -> None:
    """However much room there is."""

    async def story(stage: Stage) -> None:
        for offset in range(ROWS_OF_A_SHELF + 1):
            stage.keep(offset, str(offset), connection="crm")
        await stage.parking.enter(stage.here)
        assert len(await stage.parking.take_down(stage.here, "crm", 10_000)) == ROWS_OF_A_SHELF
        assert len(await stage.parking.take_down(stage.here, "crm", 10_000)) == 1

    play(story)


def test_what_is_read_for_an_assignment_that_is_over_is_nobodys() -> None:
    """And what changed meanwhile is read again."""

    async def story(stage: Stage) -> None:
        parking, here = stage.parking, stage.here
        stage.keep(1, "a", connection="crm")
        stage.keep(3, "d", connection="crm")
        stage.keep(2, "b")
        await parking.enter(here)
        assert [job.offset for job in await parking.take_down(here, "crm", 1)] == [1]
        read = stage.ill.waits["parked.next"] = stage.ill.waits["parked.load"] = asyncio.Event()
        await asyncio.sleep(0.1)
        changes: list[Callable[[], None]] = [
            lambda: parking.shelve(stage.job(0, "c")),
            lambda: parking.leave(here),
        ]
        for change in changes:
            read.clear()
            reading = asyncio.create_task(parking.take_down(here, "crm", 99))
            loading = asyncio.create_task(parking.load())
            await asyncio.sleep(0.1)
            change()
            read.set()
            assert await reading == []
            loaded = await loading
        assert loaded == []
        assert (parking.rows, parking.shelves()) == (0, [])

    play(story)


def test_a_shelf_that_cannot_be_read_is_told_and_tried_again() -> None:
    """It holds up no other."""

    async def story(stage: Stage) -> None:
        stage.keep(1, "a", connection="crm")
        await stage.parking.enter(stage.here)
        stage.ill.raises["parked.next"] = asyncpg.DataError("bad")
        bugs = metric("flows_bugs_total", topic="actions")
        with capture_logs() as logs:
            assert await stage.parking.take_down(stage.here, "crm", 99) == []
        assert metric("flows_bugs_total", topic="actions") == bugs + 1
        assert [(line["event"], line["place"], line["connection"]) for line in logs] == [("shelf.broke", PLACE, "crm")]
        stage.ill.raises.clear()
        assert len(await stage.parking.take_down(stage.here, "crm", 99)) == 1

    play(story)


def test_what_came_from_a_shelf_or_its_lane_goes_back_there() -> None:
    """A lane that waits by itself comes back soon, without being written again."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        await parking.enter(stage.here)
        await parking.park(stage.job(1, "a"), [], 0.0)
        await asyncio.sleep(0.1)
        (job,) = await parking.load()
        parking.shelve(job)
        assert parking.entering == 0
        await asyncio.sleep(AGAIN_SECONDS - 0.1)
        assert not parking.due
        await asyncio.sleep(0.2)
        assert await stage.load() == [1]

    play(story)


def test_lanes_that_came_last_try_an_ill_connection() -> None:
    """The newest first, each once, and none that is in memory or waits by itself; they are due at once."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        for offset, lane in enumerate("abccd" + "e" * NEWEST_LANES):
            stage.keep(offset, lane, connection="crm")
        stage.keep(90, "x", connection="other")
        await parking.enter(stage.here)
        assert [job.offset for job in await parking.take_down(stage.here, "crm", 1)] == [0]
        await parking.take_newest("nobody")
        assert not parking.due
        await parking.take_newest("crm")
        await asyncio.sleep(0.01)
        assert await stage.load() == list(range(5, 5 + NEWEST_LANES))
        for offset in range(5, 5 + NEWEST_LANES):
            job = Job(planned(request(offset, subject("e")), offset), stage.here, parked=name("e"))
            await parking.finished(job)
        await parking.take_newest("crm")
        await asyncio.sleep(0.01)
        assert sorted(await stage.load()) == [1, 2, 3, 4]  # `a` is in memory

    play(story)


def test_what_is_late_is_taken_out_wherever_it_waits() -> None:
    """Once: not what is in memory, nor what was taken, nor of partitions that are others'."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        wall = stage.world.now() + 10.0
        assert await parking.late(wall) == []
        there = stage.assignment(1)
        gone = Parked(there.name, "x", planned(request(1), partition=1).record, 0, 0.0, deadline=wall - 9.0)
        stage.table.rows[there.name, "x", 1] = (gone, 0.0, 0.0)
        await parking.enter(there)
        told = stage.ill.waits["parked.late, told"] = asyncio.Event()
        looking = asyncio.create_task(parking.late(wall))
        await asyncio.sleep(0.1)
        parking.leave(there)
        told.set()
        assert await looking == []
        stage.table.rows.clear()
        stage.keep(1, "a", wait_seconds=60.0, deadline=wall - 5.0, attempts=1, age_seconds=2.0)
        stage.keep(2, "b", connection="crm", deadline=wall)
        stage.keep(3, "c", connection="crm", deadline=wall + 1.0)
        stage.keep(4, "d", deadline=wall - 5.0)
        await parking.enter(stage.here)
        await asyncio.sleep(0.1)
        assert await stage.load() == [4]
        jobs = await parking.late(wall)
        assert [(job.offset, job.parked) for job in jobs] == [(1, name("a")), (2, name("b"))]
        assert isinstance(jobs[0].state, Waiting)
        assert jobs[0].state.attempts == 1
        assert await parking.late(wall) == []
        assert [job.offset for job in await parking.take_down(stage.here, "crm", 99)] == [3]
        for job in jobs:
            await parking.finished(job)
        assert (parking.rows, stage.rows()) == (2, sorted([(name("c"), 3), (name("d"), 4)]))
        await asyncio.sleep(61.0)
        assert await stage.load() == []

    play(story)


@pytest.mark.parametrize("before", [1, ROWS_A_LANE])
def test_what_waits_behind_rows_in_memory_is_late_in_its_time(before: int) -> None:
    """It came since they were taken out, or is more than comes at once. And it ends once."""

    async def story(stage: Stage) -> None:
        parking, late = stage.parking, datetime.fromtimestamp(stage.world.now() - 1.0, UTC)
        for offset in range(before):
            stage.keep(offset)
        await parking.enter(stage.here)
        await asyncio.sleep(0.1)
        jobs = await parking.load()
        assert len(jobs) == before
        assert parking.takes(stage.job(90, deadline=late))
        await asyncio.sleep(0.1)
        (job,) = await parking.late(stage.world.now())
        assert job.offset == 90
        assert await parking.late(stage.world.now()) == []
        for one in jobs:
            await parking.finished(one)
        await asyncio.sleep(0.1)
        assert not parking.due
        await parking.finished(job)
        await asyncio.sleep(0.1)
        assert await stage.load() == []
        assert stage.rows() == []

    play(story)


def test_what_ends_while_rows_are_read_is_not_taken_out_again() -> None:
    """It was read before its row was gone."""

    async def story(stage: Stage) -> None:
        parking, wall = stage.parking, stage.world.now()
        stage.keep(1, deadline=wall)
        await parking.enter(stage.here)
        await asyncio.sleep(0.1)
        (job,) = await parking.load()
        told = stage.ill.waits["parked.late, told"] = asyncio.Event()
        looking = asyncio.create_task(parking.late(wall))
        await asyncio.sleep(0.1)
        await parking.finished(job)
        told.set()
        assert await looking == []

    play(story)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("way", ["shelf", "lane"])
def test_what_is_on_its_way_comes_before_later_records_of_its_lane(way: str, *, told: bool) -> None:
    """Those wait until it is there, however they are taken out; other lanes do not.

    Also when it arrives while rows are read, and is not among them (`told`).
    """

    async def story(stage: Stage) -> None:
        parking = stage.parking
        stage.keep(5, "a", connection="crm")
        stage.keep(6, "b", connection="crm")
        await parking.enter(stage.here)
        written, read = asyncio.Event(), asyncio.Event()
        stage.ill.waits["parked.add"] = written

        async def taken() -> list[int]:
            if way == "shelf":
                return [job.offset for job in await parking.take_down(stage.here, "crm", 99)]
            return await stage.load()

        if way == "lane":
            await parking.take_newest("crm")
            await asyncio.sleep(0.1)
        parking.shelve(stage.job(1, "a"))
        if told:
            stage.ill.waits["parked.next, told"] = stage.ill.waits["parked.load, told"] = read
        taking = asyncio.create_task(taken())
        await asyncio.sleep(0.1)
        if told:
            written.set()
            await asyncio.sleep(0.1)
            read.set()
        first = await taking
        assert first in ([6], [])
        written.set()
        await asyncio.sleep(0.1)
        found = first + await taken()
        assert sorted(found, key=lambda one: one == 6) == [1, 5, 6]

    play(story)


def test_what_is_finished_is_forgotten_and_its_lane_goes_on() -> None:
    """When all of it that is in memory has ended; at last there is no lane any more."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        for offset in range(ROWS_A_LANE + 2):
            stage.keep(offset)
        stage.keep(90, "b", wait_seconds=1e6)
        await parking.enter(stage.here)
        await asyncio.sleep(0.1)
        jobs = await parking.load()
        assert [job.offset for job in jobs] == list(range(ROWS_A_LANE))
        for job in jobs[:-1]:
            await parking.finished(job)
        await asyncio.sleep(0.1)
        assert not parking.due
        await parking.finished(jobs[-1])
        await asyncio.sleep(0.1)
        assert parking.rows == 3
        last = await parking.load()
        assert [job.offset for job in last] == [ROWS_A_LANE, ROWS_A_LANE + 1]
        for job in last:
            await parking.finished(job)
        await asyncio.sleep(0.1)
        assert await parking.load() == []
        assert not parking.takes(stage.job(100))  # as any other lane
        parking.leave(stage.here)
        await parking.finished(last[0])  # ended after it was given up: no count of ours
        assert parking.rows == 0

    play(story)


def test_of_lanes_that_are_due_some_are_loaded_at_once() -> None:
    """In the order in which they came due."""

    async def story(stage: Stage) -> None:
        for offset in range(LANES_AT_ONCE + 1):
            stage.keep(offset, str(offset), wait_seconds=offset * 0.01)
        await stage.parking.enter(stage.here)
        await asyncio.sleep(10.0)
        assert sorted(await stage.load()) == list(range(LANES_AT_ONCE))
        assert stage.parking.due
        assert await stage.load() == [LANES_AT_ONCE]
        assert not stage.parking.due

    play(story)


def test_a_lane_whose_rows_cannot_be_read_waits_alone() -> None:
    """It is told of, and tried again after a minute."""

    async def story(stage: Stage) -> None:
        stage.keep(1, "a")
        await stage.parking.enter(stage.here)
        await asyncio.sleep(0.1)
        stage.ill.raises["parked.load"] = asyncpg.DataError("bad")
        bugs = metric("flows_bugs_total", topic="actions")
        with capture_logs() as logs:
            assert await stage.parking.load() == []
        assert metric("flows_bugs_total", topic="actions") == bugs + 1
        assert [(line["event"], line["place"], line["lane"]) for line in logs] == [("lane.broke", PLACE, name("a"))]
        stage.ill.raises.clear()
        await asyncio.sleep(UNLOADABLE_SECONDS - 0.1)
        assert not stage.parking.due
        await asyncio.sleep(0.2)
        assert await stage.load() == [1]

    play(story)


def test_a_lane_stays_while_something_is_on_its_way_to_it() -> None:
    """It is looked at again in a moment."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        await parking.enter(stage.here)
        written = stage.ill.waits["parked.add"] = asyncio.Event()
        parking.spill(stage.job(1))
        await asyncio.sleep(0.1)
        assert (parking.due, parking.entering) == (True, 1)
        assert await parking.load() == []
        assert not parking.due
        await asyncio.sleep(UNWRITTEN_SECONDS - 0.01)
        assert not parking.due
        await asyncio.sleep(0.02)
        assert parking.due
        written.set()
        await asyncio.sleep(0.1)
        (job,) = await parking.load()
        assert (job.offset, stage.here.offsets.position, parking.rows) == (1, 2, 1)
        # Nothing was found, and before that was told something came.
        await parking.finished(job)
        await asyncio.sleep(0.1)
        told = stage.ill.waits["parked.load, told"] = asyncio.Event()
        loading = asyncio.create_task(parking.load())
        await asyncio.sleep(0.1)
        assert parking.takes(stage.job(2))
        await asyncio.sleep(0.1)
        told.set()
        assert await loading == []
        assert parking.takes(stage.job(3))
        await asyncio.sleep(0.1)
        assert await stage.load() == [2, 3]

    play(story)


def test_what_postgresql_cannot_hold_is_a_dead_letter_to_be() -> None:
    """Alone, with its cause, and whoever looks for news is told. What was parked before stays known as that."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        await parking.enter(stage.here)
        await parking.park(stage.job(1), [], 0.0)
        await asyncio.sleep(0.1)
        (job,) = await parking.load()
        stage.news.clear()
        stage.ill.raises["parked.add"] = asyncpg.DataError("bad")
        await parking.park(job, [stage.job(2)], 60.0)
        assert stage.news.is_set()
        again, new = parking.refused
        assert (again.offset, again.parked, again.assignment) == (1, name("a"), stage.here)
        assert (new.offset, new.parked) == (2, None)
        assert isinstance(new.plan.call, Failed)
        assert "bad" in new.plan.call.cause
        assert (parking.rows, stage.here.offsets.position) == (1, 2)
        parking.refused.clear()
        stage.news.clear()
        parking.shelve(stage.job(3, "b"))
        await asyncio.sleep(0.1)
        (unread,) = parking.refused
        assert (unread.offset, unread.assignment, stage.news.is_set()) == (3, stage.here, True)
        assert parking.entering == 0

    play(story)


def test_the_bounds_are_of_rows_and_of_the_disk() -> None:
    """Whichever is reached first."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        for offset in range(MOST // 2):
            stage.keep(offset, str(offset), wait_seconds=1e6)
        await parking.enter(stage.here)
        assert (parking.part, parking.full) == (0.5, False)
        await parking.look()
        assert (parking.part, parking.full) == (1.0, True)
        for offset in range(MOST // 2):
            await parking.finished(Job(planned(request(1), offset), stage.here, parked=name(str(offset))))
        await parking.look()
        assert (parking.part, parking.full) == (0.0, False)
        stage.ill.raises["parked.bytes"] = ConnectionRefusedError()
        with pytest.raises(ConnectionRefusedError):
            await parking.look()

    play(story)


def test_what_is_given_up_is_due_no_more() -> None:
    """Nor counted; the next owner finds it."""

    async def story(stage: Stage) -> None:
        parking, there = stage.parking, stage.assignment(1)
        stage.keep(1, "a", wait_seconds=1.0)
        stage.keep(2, "b", connection="crm")
        await parking.enter(stage.here)
        await parking.enter(there)
        parking.leave(stage.here)
        parking.leave(stage.here)
        assert (parking.rows, parking.shelves()) == (0, [])
        await asyncio.sleep(2.0)
        assert not parking.due
        assert stage.rows() == sorted([(name("a"), 1), (name("b"), 2)])
        parking.shelve(stage.job(3, "c"))
        await asyncio.sleep(0.1)
        assert (parking.rows, parking.entering, len(stage.rows())) == (0, 0, 2)

    play(story)


def test_what_is_on_its_way_when_a_partition_is_given_up_is_not_written_later() -> None:
    """When PostgreSQL is back: nobody would know of it, until a later owner finds what has ended long ago."""

    async def story(stage: Stage) -> None:
        parking = stage.parking
        await parking.enter(stage.here)
        stage.ill.raises["parked.add"] = ConnectionRefusedError()
        parking.shelve(stage.job(1, "a"))
        parking.spill(stage.job(2, "b"))
        await asyncio.sleep(1.0)
        parking.leave(stage.here)
        del stage.ill.raises["parked.add"]
        await asyncio.sleep(10.0)
        assert (parking.entering, stage.rows()) == (0, [])

    play(story)


def test_a_worker_that_ends_writes_nothing_more() -> None:
    """What is on its way is cut off, and no lane is due."""

    async def story(stage: Stage) -> None:
        await stage.parking.enter(stage.here)
        stage.keep(9, "z", wait_seconds=1.0)
        await stage.parking.enter(stage.here)
        stage.ill.waits["parked.add"] = asyncio.Event()
        parking = stage.parking
        parking.spill(stage.job(1))
        await asyncio.sleep(0.1)
        await parking.close()
        stage.ill.waits["parked.add"].set()
        await asyncio.sleep(2.0)
        assert stage.rows() == [(name("z"), 9)]
        assert not [lane for lane in cast("Any", parking)._due if lane.name == name("z")]

    play(story)
