"""The queue: what follows from an attempt's end, and who is asked what of ill connections and of partitions that go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.errors import ErrorCode
from services.actions.attempt.plan import Plan, Planner
from services.actions.attempt.states import LOST, Asking, Ended, Later, Lost, Waiting
from services.actions.journal.journal import Journal
from services.actions.outcome import Done, Failed
from services.actions.queue.assignment import Assignment, Assignments
from services.actions.queue.intake import KEPT, Bounds
from services.actions.queue.job import Job
from services.actions.queue.queue import LOOK_AT_DISK_SECONDS, PUBLISH_SECONDS, TAKEN_DOWN, TRIED, Queue
from services.actions.registry import ACTIONS
from services.actions.world import World
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.tables import FakeEffects
from tests.unit.actions.plans import CONNECTIONS, planned, record

PLACE, OTHER = ("t.actions", 0), ("t.actions", 1)
DEAD = Failed(ErrorCode.CALL_REJECTED, "no", again=False, status=404)
ASKING = Asking(DEAD, 1, 0.0, 30.0, 0.0)


class FakeAttempts:
    """Answers what a test says by offset, once; else it is done. Each takes `seconds`."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.made: list[int] = []
        self.states: list[Any] = []
        self.broken: list[tuple[int, str]] = []
        self.seconds = 1.0

    async def make(self, plan: Plan, state: Waiting | Asking, _tenure: object) -> Ended | Later | Lost:
        """As attempts."""
        self.made.append(plan.record.offset)
        self.states.append(state)
        await asyncio.sleep(self.seconds)
        answer = self.answers.pop(plan.record.offset, Ended(Done({}), dead=False))
        if isinstance(answer, Exception):
            raise answer
        return cast("Ended", answer)

    async def broke(self, plan: Plan, _state: object, _tenure: object, error: Exception) -> Ended:
        """As attempts."""
        self.broken.append((plan.record.offset, repr(error)))
        return Ended(DEAD, dead=True)


class FakeLimits:
    """All is well, but for what a test says is not."""

    def __init__(self) -> None:
        self.ill: list[str] = []
        self.tried: dict[Any, float] = {}
        self.resting: dict[Any, float] = {}
        self.suspects: list[Any] = []
        self.looks = 0

    def take(self, connection: str) -> float:
        """As limits."""
        return 1e6 if connection in self.ill else 0.0

    def release(self, _connection: str) -> None:
        """As limits."""

    def doubts(self, _connection: str) -> None:
        """As limits."""

    def shut(self, connection: str) -> bool:
        """As limits."""
        return connection in self.ill

    def all_shut(self) -> list[str]:
        """As limits."""
        return self.ill

    def failed_last(self, connection: str) -> Callable[[Hashable], bool]:
        """Those of number 1."""
        assert connection in self.ill
        return lambda lane: cast("Any", lane)[1].endswith("1")

    def suspect(self, *given: Any) -> None:
        """As limits."""
        self.suspects.append(given)

    def rests(self, *place: Any) -> float:
        """As limits."""
        return self.resting.get(place, 0.0)

    def tries(self, *place: Any) -> float:
        """As limits."""
        return self.tried.pop(place, 0.0)

    async def look(self, _waits: object) -> None:
        """As limits."""
        self.looks += 1


class FakeHold:
    """Notes what it is told."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self.told: list[Any] = []

    def held(self, _flow: str) -> float:
        """As the hold."""
        return 0.0

    def took(self, _flow: str) -> None:
        """As the hold."""

    def runs(self, *_: Any) -> None:
        """As the hold."""

    def passed(self, flow: str, *_: Any) -> None:
        """As the hold."""
        self.told.append(("passed", flow))

    def failed(self, flow: str, *_: Any, began: float, **_more: Any) -> None:
        """As the hold."""
        self.told.append(("failed", flow, began))


class FakeParking:
    """Notes what it is asked; `loads` and `shelved` are what it has."""

    park_seconds = 5.0

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refused: list[Job] = []
        self.full = False
        self.entering = 0
        self.loads: list[list[Job]] = []
        self.down: list[list[Job]] = []
        self.on_shelf: list[tuple[Assignment, str]] = []
        self.lates: list[Job] = []
        self.loaded: set[int] = set()
        self.raises: Exception | None = None
        self.shown = 0
        self.enters: Callable[[], Coroutine[Any, Any, None]] | None = None

    @property
    def due(self) -> bool:
        """As parking."""
        return bool(self.loads)

    def has_loaded(self, offset: int, _assignment: Assignment) -> bool:
        """As parking."""
        return offset in self.loaded

    def waits(self, *_: Any) -> bool:
        """As parking."""
        return False

    def takes(self, _job: Job, *, shut: bool) -> bool:
        """As parking."""
        del shut
        return False

    def takes_unread(self, *_: Any, shut: bool) -> bool:
        """As parking."""
        del shut
        return False

    async def park(self, job: Job, behind: Sequence[Job], seconds: float) -> None:
        """As parking."""
        if self.raises is not None:
            raise self.raises
        self.asked.append(("park", job.offset, [one.offset for one in behind], seconds))

    async def finished(self, job: Job) -> None:
        """As parking."""
        if self.raises is not None:
            raise self.raises
        self.asked.append(("finished", job.offset))

    def shelve(self, job: Job) -> None:
        """As parking."""
        self.asked.append(("shelve", job.offset))

    def shelves(self) -> list[tuple[Assignment, str]]:
        """As parking."""
        return self.on_shelf

    async def load(self) -> list[Job]:
        """As parking."""
        return self.loads.pop(0)

    async def take_down(self, assignment: Assignment, connection: str, most: int) -> list[Job]:
        """As parking."""
        self.asked.append(("take_down", assignment.name, connection, most))
        return self.down.pop(0) if self.down else []

    async def take_newest(self, connection: str) -> None:
        """As parking."""
        self.asked.append(("newest", connection))

    async def late(self, _wall: float) -> list[Job]:
        """As parking."""
        found, self.lates = self.lates, []
        return found

    async def look(self) -> None:
        """As parking."""
        self.asked.append("look")

    async def enter(self, assignment: Assignment) -> None:
        """As parking."""
        if self.enters is not None:
            await self.enters()
        self.asked.append(("enter", assignment.name))

    def leave(self, assignment: Assignment) -> None:
        """As parking."""
        self.asked.append(("leave", assignment.name))

    def show(self) -> None:
        """As parking."""
        self.shown += 1

    async def close(self) -> None:
        """As parking."""
        self.asked.append("close")


class Stage:
    """A queue between fakes, with one partition."""

    def __init__(self) -> None:
        clock = asyncio.get_running_loop().time
        self.world = World(now=clock, wall=clock)
        self.attempts, self.limits, self.parking = FakeAttempts(), FakeLimits(), FakeParking()
        self.hold = FakeHold(clock)
        self.journal = Journal(FakeEffects(self.world), "me", lambda: None, world=self.world)
        self.assignments, self.news = Assignments(), asyncio.Event()
        self.moves = 0
        self.bugs = 0
        self.queue = Queue(
            cast("Any", self.attempts),
            journal=self.journal,
            limits=cast("Any", self.limits),
            hold=cast("Any", self.hold),
            parking=cast("Any", self.parking),
            assignments=self.assignments,
            bounds=Bounds(1_000, 10**7, 30.0),
            concurrency=600,
            plan=Planner(ACTIONS, CONNECTIONS).plan,
            news=self.news,
            moved=self._moved,
            world=self.world,
        )

    def _moved(self) -> None:
        self.moves += 1

    @property
    def here(self) -> Assignment:
        """That of the first partition."""
        found = self.assignments.get(PLACE)
        assert found is not None
        return found

    def take(self, *offsets: int, lane: str | None = None, place: Any = PLACE, **fields: Any) -> None:
        """Requests come, each of a lane of its own unless one is named."""
        made = [request(one, lane or f"+3519{one:08d}", **fields) for one in offsets]
        self.queue.take(place, [record(one.to_bytes(), number) for number, one in zip(offsets, made, strict=True)])

    def parked(self, offset: int, *, attempts: int = 0, **fields: Any) -> Job:
        """One that comes from PostgreSQL."""
        plan = planned(request(offset, f"+3519{offset:08d}", **fields), offset)
        self.here.offsets.take(offset)
        return Job(plan, self.here, state=Waiting(attempts, 0.0), parked="lane")


def bugs() -> float:
    """How many were told so far."""
    return REGISTRY.get_sample_value("flows_bugs_total", {"topic": "actions"}) or 0.0


def play(story: Callable[[Stage], Coroutine[Any, Any, None]], *, begin: bool = False) -> None:
    """A story with a stage of its own. `stage.bugs`: so many are told in it; else each look around went well."""

    async def played() -> None:
        stage, before = Stage(), bugs()
        stage.queue.assigned([PLACE])
        await asyncio.sleep(0.1)
        stage.parking.asked.clear()
        if begin:
            stage.queue.begin()
        await story(stage)
        await stage.queue.close()
        assert bugs() - before == stage.bugs

    loop.run(played)


def test_what_ends_is_finished_and_told_to_who_decides_on_flows() -> None:
    """With when its last attempt began; somebody else's is not finished."""

    async def story(stage: Stage) -> None:
        began, moves = stage.world.now(), stage.moves
        stage.attempts.answers = {2: Ended(DEAD, dead=True), 3: LOST}
        stage.take(1, 2, 3)
        await asyncio.sleep(1.5)
        assert stage.hold.told == [("passed", "flow"), ("failed", "flow", began)]
        assert (stage.here.offsets.position, stage.queue.pending) == (3, 0)
        assert stage.moves == moves + 3

    play(story)


@pytest.mark.parametrize(
    ("later", "parked"),
    [
        (Later(5.0, Waiting(1, 2.0)), False),
        (Later(5.1, Waiting(1, 2.0)), True),
        (Later(5.1, Waiting(1, 2.0), here=True), False),
        (Later(5.1, ASKING), False),
    ],
)
def test_a_short_wait_is_spent_in_the_lane_and_a_long_one_in_postgresql(later: Later, *, parked: bool) -> None:
    """With what stands behind it; but for what only this worker may go on with."""

    async def story(stage: Stage) -> None:
        stage.attempts.answers[1] = later
        stage.take(1, 2, lane="+351910000001")
        await asyncio.sleep(1.5)
        assert stage.parking.asked == ([("park", 1, [2], later.seconds)] if parked else [])
        assert stage.queue.pending == (0 if parked else 2)
        await asyncio.sleep(10.0)
        assert stage.attempts.made == ([1] if parked else [1, 1, 2])
        if not parked:
            assert stage.attempts.states[1] == later.state

    play(story)


def test_what_cannot_be_parked_is_a_dead_letter() -> None:
    """What stood behind it goes on."""

    async def story(stage: Stage) -> None:
        stage.attempts.answers[1] = Later(60.0, Waiting(1, 2.0))
        stage.parking.raises = KeyError("planted")
        stage.take(1)
        await asyncio.sleep(1.5)
        assert stage.attempts.broken == [(1, "KeyError('planted')")]
        assert stage.here.offsets.position == 2

    play(story)


def test_an_ill_step_is_not_called_while_it_rests() -> None:
    """Of this connection and flow; when its turn comes it is asked again."""

    async def story(stage: Stage) -> None:
        place = "crm", ("flow", "0")
        stage.limits.resting[place] = 7.0
        stage.take(1)
        stage.take(2, step="1")
        await asyncio.sleep(1.0)
        assert stage.attempts.made == [2]
        stage.limits.resting.clear()
        stage.limits.tried[place] = 3.0
        await asyncio.sleep(9.5)
        assert stage.attempts.made == [2, 1]

    play(story)


def test_what_was_parked_is_forgotten_in_postgresql_when_it_ends() -> None:
    """Where that fails its row stays, is told, and the end is an end; one that failed before is suspect."""

    async def story(stage: Stage) -> None:
        first, second = stage.parked(1), stage.parked(2, attempts=1)
        stage.parking.loads = [[first]]
        stage.queue.turn()
        await asyncio.sleep(1.5)
        assert stage.parking.asked == [("finished", 1)]
        assert stage.limits.suspects == []
        stage.parking.raises = OSError("planted")
        stage.parking.loads = [[second]]
        stage.queue.turn()
        with capture_logs() as logs:
            await asyncio.sleep(1.5)
        assert [(line["event"], line["position"]) for line in logs] == [("row.left", second.plan.record.position)]
        stage.bugs = 1
        assert stage.limits.suspects == [("crm", second.lane)]
        assert stage.here.offsets.position == 3

    play(story)


def test_partitions_that_go_begin_nothing_more() -> None:
    """What is at work ends, what was read ahead of them is forgotten, and that of others stays."""

    async def story(stage: Stage) -> None:
        stage.queue.assigned([OTHER])
        await asyncio.sleep(0.1)
        stage.attempts.answers[0] = Later(1.0, Waiting(1, 0.0))
        stage.take(*range(500))
        stage.take(*range(500, 1_000), place=OTHER)
        before = stage.queue._intake._ahead.records
        assert before > 500
        (gone,) = stage.queue.begin_leaving([PLACE, ("t.actions", 7)])
        assert gone is stage.here
        assert stage.queue._intake._ahead.records == 500
        stage.take(2_000)
        assert not await stage.queue.settled(0.5)
        assert await stage.queue.settled(1.0)
        made = len(stage.attempts.made)
        await asyncio.sleep(3.0)
        assert stage.attempts.made.count(0) == 1
        assert 2_000 not in stage.attempts.made
        assert not [one for one in stage.attempts.made[made:] if one < 500]
        stage.parking.asked.clear()
        stage.queue.leave([gone])
        assert stage.assignments.get(PLACE) is None
        assert gone.tenure.over
        assert stage.parking.asked == [("leave", "t.actions/0")]
        stage.take(3_000)
        assert stage.queue.pending == 0

    play(story)


def test_a_worker_that_ends_begins_nothing_more() -> None:
    """And says how many it left."""

    async def story(stage: Stage) -> None:
        stage.attempts.seconds = 3.0
        stage.take(*range(1_000))
        stage.take(2_000, lane="+351900000000")
        begun = stage.queue._lanes.pending
        await asyncio.sleep(1.0)
        assert len(stage.attempts.made) <= begun
        at_work = len(stage.attempts.made)
        assert stage.queue.drain() == 1_001 - at_work
        assert not await stage.queue.settled(1.0)
        assert await stage.queue.settled(5.0)
        stage.parking.loads = [[stage.parked(3_000)]]
        stage.queue.turn()
        await asyncio.sleep(1.0)
        assert (stage.queue.pending, len(stage.attempts.made)) == (0, at_work)

    play(story)


def test_what_waits_for_an_ill_connection_leaves_memory() -> None:
    """All that is over a bound at each turn, all at each look; of what came from PostgreSQL some stay to try it."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        stage.take(*range(KEPT))
        stage.queue.turn()
        assert stage.parking.asked == []
        stage.queue.assigned([])
        stage.queue._put(stage.parked(900))
        stage.queue.turn()
        assert stage.parking.asked == [("shelve", number) for number in range(KEPT)]
        assert stage.queue.pending == 1
        stage.parking.asked.clear()
        for number in range(1_000, 1_000 + 2 * KEPT):
            stage.queue._put(stage.parked(number))
        stage.queue.turn()
        assert stage.queue.pending == TRIED
        assert len(stage.parking.asked) == 2 * KEPT + 1 - TRIED
        stage.queue.begin()
        await asyncio.sleep(0.1)
        assert stage.queue.pending == TRIED
        stage.take(1)
        await asyncio.sleep(2.0)
        assert ("shelve", 1) in stage.parking.asked

    play(story)


def test_a_single_call_that_waits_for_an_ill_connection_leaves_memory_too() -> None:
    """At the next look: so its offset can be committed."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        stage.take(1)
        await asyncio.sleep(2.0)
        assert ("shelve", 1) in stage.parking.asked
        assert stage.queue.pending == 0

    play(story, begin=True)


@pytest.mark.parametrize("later", [Later(4.0, Waiting(1, 2.0)), Later(76.0, ASKING, here=True)])
def test_what_waits_for_a_moment_of_its_own_stays_in_memory(later: Later) -> None:
    """Until then: it would be forgotten in PostgreSQL. One that is being asked for, until its destination has said."""

    async def story(stage: Stage) -> None:
        stage.attempts.answers[1] = later
        stage.take(1, 2, lane="+351910000001")
        stage.take(3)
        await asyncio.sleep(1.5)
        stage.limits.ill = ["crm"]
        for _ in range(3):
            await asyncio.sleep(1.0)
            stage.queue._shelve(0)
        assert stage.parking.asked == []
        await asyncio.sleep(5.0)
        stage.queue._shelve(0)
        asking = isinstance(later.state, Asking)
        assert stage.parking.asked == ([] if asking else [("shelve", 1), ("shelve", 2)])

    play(story)


def test_what_was_parked_comes_into_memory_as_there_is_room() -> None:
    """What PostgreSQL could not hold first; shelves of connections that are called, and have little here."""

    async def story(stage: Stage) -> None:
        refused = stage.parked(1)
        stage.parking.refused = [refused]
        stage.parking.loads = [[stage.parked(2)], []]
        stage.parking.on_shelf = [(stage.here, "crm"), (stage.here, "other")]
        stage.parking.down = [[stage.parked(3)]]
        stage.limits.ill = ["other"]
        stage.queue.turn()
        await asyncio.sleep(0.5)
        assert sorted(stage.attempts.made) == [1, 2, 3]
        assert stage.parking.refused == []
        room = 750
        assert stage.parking.asked[0] == ("take_down", "t.actions/0", "crm", room - 2)
        assert {one[2] for one in stage.parking.asked if one[0] == "take_down"} == {"crm"}
        await asyncio.sleep(2.0)
        stage.parking.asked.clear()
        stage.attempts.seconds = 50.0
        stage.parking.down = [[stage.parked(number) for number in range(10, 10 + TAKEN_DOWN)]]
        stage.queue.turn()
        await asyncio.sleep(0.5)
        downs = [one for one in stage.parking.asked if one[0] == "take_down"]
        assert [one[3] for one in downs] == [room]  # there are enough of it now

    play(story)


def test_without_room_nothing_is_taken_down() -> None:
    """Of two shelves the first can fill it."""

    async def story(stage: Stage) -> None:
        stage.attempts.seconds = 50.0
        stage.parking.on_shelf = [(stage.here, "crm"), (stage.here, "other")]
        stage.parking.down = [[stage.parked(number) for number in range(750)]]
        stage.queue.turn()
        await asyncio.sleep(0.5)
        assert stage.parking.asked == [("take_down", "t.actions/0", "crm", 750)]
        stage.parking.loads = [[stage.parked(900)]]
        stage.queue.turn()
        await asyncio.sleep(0.5)
        assert len(stage.parking.loads) == 1
        # Of the one place that is free, one is taken.
        stage.parking.asked.clear()
        stage.queue._lanes.drop(lambda job: job.offset == 749)
        stage.parking.loads.clear()
        stage.queue.turn()
        await asyncio.sleep(0.5)
        assert stage.parking.asked == [("take_down", "t.actions/0", "other", 1)]

    play(story)


def test_it_looks_around_each_moment_and_at_the_disk_now_and_then() -> None:
    """At the other workers' limits, at what is late, at who tries an ill connection."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        for _ in range(190):
            await asyncio.sleep(0.1)
        looks = [one for one in stage.parking.asked if one == "look"]
        assert len(looks) == 20.0 // LOOK_AT_DISK_SECONDS
        newest = [one for one in stage.parking.asked if one == ("newest", "crm")]
        assert len(newest) == stage.limits.looks  # no lane waits in memory to try it
        assert stage.limits.looks > 10

    play(story, begin=True)


@pytest.mark.parametrize(("number", "asks"), [(2, 0), (1, 4)])
def test_the_newest_are_asked_for_only_where_none_could_try(number: int, asks: int) -> None:
    """Or seldom, where all that wait failed last."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        stage.queue._put(stage.parked(number))
        for _ in range(190):
            await asyncio.sleep(0.1)
        assert len([one for one in stage.parking.asked if one == ("newest", "crm")]) == asks

    play(story, begin=True)


def test_what_is_late_is_ended_wherever_it_waits() -> None:
    """Out of its turn; what the journal knows more of goes on, and what is lost does not."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        late: dict[str, Any] = {"deadline": "1970-01-01T00:16:40Z"}
        here, stored, more, lost, broken = (stage.parked(number, **late) for number in range(1, 6))
        stage.attempts.seconds = 0.0
        stage.attempts.answers = {3: Later(1.0, ASKING, here=True), 4: LOST, 5: RuntimeError("planted")}
        stage.queue._put(here)
        stage.queue._put(stage.parked(9))
        stage.parking.lates = [stored, more, lost]
        moves = stage.moves
        await asyncio.sleep(3.0)
        assert sorted(stage.attempts.made) == [1, 2, 3, 4]
        assert [one for one in stage.parking.asked if one[0] == "finished"] == [("finished", 1), ("finished", 2)]
        assert more.state == ASKING
        assert stage.queue.pending == 2
        assert stage.moves >= moves + 4
        stage.queue.turn()
        stage.parking.lates = [broken]
        with capture_logs() as logs:
            await asyncio.sleep(3.0)
        told = [line for line in logs if line["event"] == "job.broke"]
        assert [line["coordinates"] for line in told] == [broken.plan.record.coordinates]
        with pytest.raises(RuntimeError, match="planted"):
            stage.queue.turn()

    play(story, begin=True)


def test_a_bug_ends_the_worker_at_its_next_turn() -> None:
    """The first one."""

    async def story(stage: Stage) -> None:
        stage.attempts.answers = {1: RuntimeError("one"), 2: RuntimeError("two")}
        stage.take(1, 2)
        await asyncio.sleep(1.5)
        with pytest.raises(RuntimeError, match="one"):
            stage.queue.turn()

    play(story)


def test_a_partition_is_entered_again_under_a_new_number() -> None:
    """The old assignment is over; while it is entered it is waited for, and what fails there ends the worker."""

    async def story(stage: Stage) -> None:
        before, moves = stage.here, stage.moves
        go = asyncio.Event()

        async def enters() -> None:
            await go.wait()
            raise RuntimeError("planted")

        stage.parking.enters = enters
        stage.queue.assigned([PLACE])
        assert stage.moves == moves + 1
        assert stage.here is not before
        assert before.tenure.over
        assert stage.parking.asked == [("leave", "t.actions/0")]
        assert stage.queue.waits_rightly()
        first = stage.here
        stage.queue.assigned([PLACE])  # while it is still being entered
        await asyncio.sleep(0.1)
        assert first.entering is not None
        assert first.entering.cancelled()
        go.set()
        await asyncio.sleep(0.1)
        with pytest.raises(RuntimeError, match="planted"):
            stage.queue.turn()

    play(story)


def test_an_attempt_of_an_assignment_that_is_over_touches_nothing_of_the_next() -> None:
    """It ends late, and would be parked with what stands behind it in its lane: that is the next one's."""

    async def story(stage: Stage) -> None:
        stage.attempts.answers[1] = Later(60.0, Waiting(1, 2.0))
        stage.take(1, lane="+351910000001")
        await asyncio.sleep(0.5)
        stage.queue.assigned([PLACE])
        await asyncio.sleep(0.1)
        stage.parking.asked.clear()
        stage.take(2, lane="+351910000001")
        await asyncio.sleep(3.0)
        assert stage.attempts.made == [1, 2]
        assert (stage.parking.asked, stage.queue.pending) == ([], 0)

    play(story)


def test_it_waits_rightly_while_there_is_work_that_takes_no_longer_than_it_may() -> None:
    """Or while PostgreSQL is full or takes things in."""

    async def story(stage: Stage) -> None:
        queue = stage.queue
        assert not queue.waits_rightly()
        for name, value in (("full", True), ("entering", 1)):
            setattr(stage.parking, name, value)
            assert queue.waits_rightly()
            setattr(stage.parking, name, type(value)())
        assert not queue.waits_rightly()
        assert queue.longest_seconds == 30.0 + PUBLISH_SECONDS
        stage.attempts.seconds = 40.0
        stage.take(1)
        await asyncio.sleep(34.9)
        assert queue.waits_rightly()
        await asyncio.sleep(0.2)
        assert not queue.waits_rightly()

    play(story)


def test_who_looks_at_metrics_sees_what_is_open() -> None:
    """At each turn."""

    async def story(stage: Stage) -> None:
        stage.take(1, 2)
        stage.queue.turn()
        assert REGISTRY.get_sample_value("flows_lanes_open") == 2
        assert stage.parking.shown == 1
        assert (stage.queue.full, stage.queue.has_room) == (False, True)
        stage.parking.full = True
        assert stage.queue.full

    play(story)


def test_the_pace_of_a_flow_is_measured_of_what_ends() -> None:
    """Each second of turns; so a slow flow's requests wait in PostgreSQL."""

    async def story(stage: Stage) -> None:
        measured: list[Any] = []
        pace = stage.queue._intake._pace
        pace.tick = lambda seconds, _: measured.append(round(seconds, 1))  # type: ignore[method-assign, assignment]
        pace.finished = measured.append  # type: ignore[method-assign, assignment]
        for _ in range(25):
            await asyncio.sleep(0.1)
            stage.queue.turn()
        assert measured == [pytest.approx(1.0, abs=0.11)] * 2
        stage.take(1)
        await asyncio.sleep(1.1)
        assert measured[2:] == ["flow"]

    play(story)


def test_what_moves_elsewhere_is_followed() -> None:
    """When limits or parking tell news, what may begin begins."""

    async def story(stage: Stage) -> None:
        stage.limits.ill = ["crm"]
        stage.queue._put(stage.parked(1))
        await asyncio.sleep(0.05)
        stage.limits.ill = []
        stage.parking.refused = [stage.parked(2)]
        stage.news.set()
        await asyncio.sleep(0.01)
        assert sorted(stage.attempts.made) == [1, 2]
        assert not stage.news.is_set()

    play(story, begin=True)


def test_a_look_around_that_breaks_is_told_and_the_next_one_is_made() -> None:
    """What one row holds ends neither the worker nor its looking; a loop that ended would end the worker."""

    async def story(stage: Stage) -> None:
        late = stage.parking.late

        async def broken(_: float) -> list[Job]:
            stage.parking.late = late  # type: ignore[method-assign]
            raise ValueError("planted")

        stage.parking.late = broken  # type: ignore[method-assign, assignment]
        with capture_logs() as logs:
            await asyncio.sleep(5.0)
        assert [line["event"] for line in logs] == ["look.broke"]
        stage.bugs = 1
        stage.parking.lates = [stage.parked(1)]
        await asyncio.sleep(5.0)
        assert stage.attempts.made == [1]
        stage.queue.turn()
        stage.parking.refused = cast("Any", 7)
        stage.news.set()
        await asyncio.sleep(0.1)
        stage.parking.refused = []
        with pytest.raises(AttributeError):
            stage.queue.turn()

    play(story, begin=True)


def test_at_its_end_nothing_of_it_goes_on() -> None:
    """Not what loads, enters, follows or works; parking and journal are closed too."""

    async def story(stage: Stage) -> None:
        never = asyncio.Event()

        async def waits(*_: Any) -> Any:
            try:
                await never.wait()
            finally:
                await asyncio.sleep(0.1)  # to end takes a moment

        stage.parking.enters = waits
        stage.parking.load = waits  # type: ignore[method-assign]
        stage.parking.loads = [[stage.parked(1)]]
        stage.take(2)
        stage.queue.turn()
        stage.queue.assigned([OTHER])
        await asyncio.sleep(0.1)
        tenure = stage.here.tenure
        await stage.queue.close()
        assert tenure.over
        assert stage.parking.asked[-1] == "close"
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert [one for one in left if "played" not in repr(one)] == []

    play(story, begin=True)


def test_a_job_shows_what_it_is() -> None:
    """In a log."""
    job = Job(planned(b"{"), cast("Any", None), state=replace(Waiting(), attempts=3))
    assert repr(job).startswith("Job(Plan(")
    assert "attempts=3" in repr(job)


def test_a_job_waits_in_memory_until_its_moment_has_come() -> None:
    """From then on it can wait for its connection in PostgreSQL; one whose destination is asked cannot."""
    job = Job(planned(b"{"), cast("Any", None))
    job.again = 5.0
    assert [job.waits_here(now) for now in (4.9, 5.0, 5.1)] == [True, False, False]
    job.state = ASKING
    assert job.waits_here(5.1)
