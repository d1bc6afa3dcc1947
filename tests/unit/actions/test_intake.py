"""What is taken from Kafka: into memory, read ahead, or to where its lane waits, and what is full."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from contracts.errors import ErrorCode
from services.actions.attempt.plan import Planner
from services.actions.outcome import Failed
from services.actions.queue.assignment import Assignment, Assignments
from services.actions.queue.intake import CROWD_SECONDS, KEPT, REFILL, SPILLING, Bounds, Intake
from services.actions.queue.job import Job
from services.actions.queue.lanes import Lanes
from services.actions.queue.outline import Outline
from services.actions.registry import ACTIONS
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.offset_gaps import Gap
from tests.support.actions import request
from tests.support.world import loop
from tests.unit.actions.plans import CONNECTIONS, record

MOST, BYTES = 100, 100_000


class FakeParking:
    """Takes what a test says."""

    def __init__(self) -> None:
        self.takes_lanes: set[str] = set()
        self.unread: list[tuple[int, bool]] = []
        self.taken: list[tuple[int, bool]] = []
        self.spilled: list[int] = []
        self.entering = 0
        self.full = False
        self.takes_shut = True
        self.loaded: set[int] = set()

    def has_loaded(self, offset: int, _assignment: Assignment) -> bool:
        """As parking."""
        return offset in self.loaded

    def waits(self, lane: Any, _assignment: Assignment) -> bool:
        """As parking."""
        return lane[1] in self.takes_lanes

    def takes_unread(self, one: ConsumedRecord, _assignment: Assignment, _about: Outline, *, shut: bool) -> bool:
        """As parking."""
        self.unread.append((one.offset, shut))
        return shut and self.takes_shut

    def takes(self, job: Job, *, shut: bool) -> bool:
        """As parking."""
        self.taken.append((job.offset, shut))
        return job.plan.request is not None and job.plan.request.run.key in self.takes_lanes

    def spill(self, job: Job) -> None:
        """As parking."""
        self.spilled.append(job.offset)


class Hold:
    """Notes which versions run."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

    def runs(self, *given: Any) -> None:
        """As the hold."""
        self.ran.append(given)


class Stage:
    """An intake over lanes that nobody works on."""

    def __init__(self) -> None:
        self.lanes: Lanes[Job] = Lanes(self._never, 1, lambda *_: None, turn=lambda job: job.turn, gate=Shut())
        self.parking, self.hold = FakeParking(), Hold()
        self.ill: set[str] = set()
        self.here = Assignment(("t.actions", 0), cast("Any", SimpleNamespace(place="t.actions/0")))
        self.intake = Intake(
            Bounds(MOST, BYTES, 30.0),
            Planner(ACTIONS, CONNECTIONS).plan,
            self.lanes,
            cast("Any", self.parking),
            cast("Any", self.hold),
            ill=lambda: self.ill,
        )
        self.next = 0

    async def _never(self, _: Job) -> float | None:
        raise AssertionError

    def take(self, count: int = 1, lane: str | None = None, flow: str = "flow", **fields: Any) -> Sequence[int]:
        """Records of a flow come, each of its own lane unless one is named."""
        made = []
        for _ in range(count):
            one = request(self.next, lane or f"+3519{self.next:08d}", **fields)
            one = one.model_copy(update={"run": one.run.model_copy(update={"flow": flow})})
            made.append(record(one.to_bytes(), self.next))
            self.next += 1
        self.intake.take(self.here, made)
        return [one.offset for one in made]

    def ahead(self) -> float:
        """How many are read ahead, as the metric says."""
        self.intake.show()
        return REGISTRY.get_sample_value("flows_read_ahead_records") or 0.0


class Shut:
    """A gate."""

    def take(self, _: str) -> float:
        """Never."""
        return 1e6

    def release(self, _: str) -> None:
        """Nothing."""

    def doubts(self, _: str) -> None:
        """Nothing."""


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """A story with a stage of its own."""

    async def played() -> None:
        stage = Stage()
        await story(stage)
        await stage.lanes.close()

    loop.run(played)


def test_what_is_taken_is_counted_and_goes_into_memory() -> None:
    """Its version runs since its event was accepted; one without a moment of that, since its time."""

    async def story(stage: Stage) -> None:
        before = REGISTRY.get_sample_value("flows_records_consumed_total", {"topic": "actions"}) or 0.0
        stage.take(3)
        assert REGISTRY.get_sample_value("flows_records_consumed_total", {"topic": "actions"}) == before + 3
        assert stage.lanes.pending == 3
        assert stage.here.offsets.waiting == 3
        assert stage.parking.unread == stage.parking.taken == [(0, False), (1, False), (2, False)]
        flow, version, moment = stage.hold.ran[0]
        assert (flow, version) == ("flow", "v1")
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
        one = request(9)
        event = one.run.event.model_copy(update={"accepted": None, "time": datetime(2020, 1, 1, tzinfo=UTC)})
        one = one.model_copy(update={"run": one.run.model_copy(update={"event": event})})
        stage.intake.take(stage.here, [record(one.to_bytes(), 9)])
        assert stage.hold.ran[-1][2] == datetime(2020, 1, 1, tzinfo=UTC)

    play(story)


def test_a_record_that_was_loaded_from_postgresql_is_finished() -> None:
    """Its row is there: it comes again as its offset was not committed in time, and is called once."""

    async def story(stage: Stage) -> None:
        stage.parking.loaded.add(0)
        stage.take(2)
        assert stage.here.offsets.position == 1
        assert stage.lanes.pending == 1

    play(story)


def test_a_record_that_is_empty_is_finished_and_one_that_cannot_be_read_is_a_job() -> None:
    """What comes behind them is taken too."""

    async def story(stage: Stage) -> None:
        jobs: list[Job] = []
        stage.lanes.put = lambda _, job: jobs.append(job)  # type: ignore[method-assign, assignment]
        stage.intake.take(stage.here, [record(Gap(0), 0), record(b"{", 1), record(Gap(2, "no"), 2)])
        assert stage.here.offsets.position == 1
        assert [(job.offset, cast("Failed", job.plan.call).code) for job in jobs] == [
            (1, ErrorCode.REQUEST_INVALID),
            (2, ErrorCode.RECORD_UNREADABLE),
        ]

    play(story)


@pytest.mark.parametrize(("parked", "going"), [(None, False), (None, True), ("lane", False)])
def test_what_comes_for_an_ill_connection_stays_behind_what_came_before_it(parked: str | None, *, going: bool) -> None:
    """In memory, if that came straight from Kafka: a new owner would find it in PostgreSQL, and that later in Kafka.

    Not while its lane is `going` to PostgreSQL as a whole.
    """

    async def story(stage: Stage) -> None:
        stage.intake._bounds = Bounds(10 * MOST, 10 * BYTES, 30.0)
        (first,) = stage.take(1, lane="+351910000001")
        newest = stage.lanes.newest(("default", "+351910000001", "crm"))
        assert newest is not None
        newest.parked = parked
        stage.take(KEPT)
        stage.ill.add("crm")
        if going:
            stage.parking.takes_lanes.add("+351910000001")
        (behind,) = stage.take(1, lane="+351910000001")
        (other,) = stage.take(1)
        waits = [offset for offset, shut in stage.parking.unread if shut]
        here = parked is None and not going
        assert waits == ([other] if here else [behind, other])
        newest = stage.lanes.newest(("default", "+351910000001", "crm"))
        assert newest is not None
        assert newest.offset == (behind if here else first)

    play(story)


def test_what_raises_is_the_dead_letter_of_its_record() -> None:
    """The next is taken."""

    async def story(stage: Stage) -> None:
        jobs: list[tuple[Any, Job]] = []
        stage.lanes.put = lambda lane, job: jobs.append((lane, job))  # type: ignore[method-assign]
        stage.hold.runs = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
        stage.take(1)
        del stage.hold.runs
        stage.take(1)
        (lane, broken), (_, well) = jobs
        assert isinstance(broken.plan.call, Failed)
        assert (broken.plan.call.code, broken.offset, broken.assignment) == (ErrorCode.BUG, 0, stage.here)
        assert lane == broken.lane == ("t.actions", 0, 0)
        assert not isinstance(well.plan.call, Failed)

    play(story)


def test_a_flow_has_its_part_of_memory_and_the_rest_is_read_ahead() -> None:
    """Half of what is free, so others have room; what is behind in its lane waits there too."""

    async def story(stage: Stage) -> None:
        stage.take(MOST)
        # The 34th finds 33 at work and 67 free.
        assert (stage.lanes.pending_of("flow"), stage.ahead()) == (34, 66)
        stage.take(3, flow="other")
        assert stage.lanes.pending_of("other") == 3
        # One of `other`, in a lane that is read ahead.
        lane = "+351900000050"
        stage.take(1, lane, flow="other")
        assert (stage.lanes.pending_of("other"), stage.ahead()) == (3, 67)
        stage.intake.refill()
        assert stage.ahead() == 67
        stage.lanes.drop(lambda job: job.turn.flow == "flow")
        stage.intake.refill()
        assert (stage.lanes.pending_of("flow"), stage.ahead()) == (33, 34)
        assert stage.intake.drop(Assignment(("t", 1), cast("Any", None))) == 0
        assert stage.intake.drop(stage.here) == 34
        assert stage.ahead() == 0

    play(story)


def test_what_was_read_ahead_and_is_late_is_a_job_out_of_its_turn() -> None:
    """Once its deadline is over, of the assignment that it came with."""

    async def story(stage: Stage) -> None:
        stage.take(MOST)
        (last,) = stage.take(1, deadline=datetime.fromtimestamp(50.0, UTC))
        ahead = stage.ahead()
        assert stage.intake.late(49.0) == []
        (job,) = stage.intake.late(50.0)
        assert (job.offset, job.assignment, job.plan.request is not None) == (last, stage.here, True)
        stage.intake.show()
        assert (stage.intake.late(60.0), stage.ahead()) == ([], ahead - 1)

    play(story)


def test_so_many_at_once_are_taken_of_what_was_read_ahead() -> None:
    """Few enough not to hold up the calls at work."""

    async def story(stage: Stage) -> None:
        stage.intake._bounds = Bounds(10 * MOST, 10 * BYTES, 30.0)
        stage.take(1000)
        ahead = stage.ahead()
        stage.lanes.drop(lambda _: True)
        stage.intake.refill()
        assert (stage.lanes.pending, stage.ahead()) == (REFILL, ahead - REFILL)
        assert stage.intake.drop() == ahead - REFILL

    play(story)


def test_what_waits_asleep_or_for_an_ill_connection_counts_less() -> None:
    """Others are not to wait for it: up to half of all."""

    async def story(stage: Stage) -> None:
        stage.ill = {"crm"}
        stage.parking.takes_shut = False
        stage.take(80)
        assert stage.lanes.pending_of("flow") == 80
        assert stage.ahead() == 0
        stage.ill = set()
        stage.take(1)
        assert (stage.lanes.pending_of("flow"), stage.ahead()) == (80, 1)

    play(story)


def test_what_waits_behind_failing_calls_has_half_of_memory() -> None:
    """However little of it is awake; another flow has its own part."""

    async def story(stage: Stage) -> None:
        stage.ill, stage.parking.takes_shut = {"crm"}, False
        stage.take(50)
        stage.ill = set()
        for lane in list(stage.lanes._lanes):
            stage.lanes._sleep(lane, 1e6)
        assert stage.lanes.awake_of("flow") == 0
        stage.take(1)
        assert (stage.lanes.pending_of("flow"), stage.ahead()) == (50, 1)
        stage.take(1, flow="other")
        assert (stage.lanes.pending_of("other"), stage.ahead()) == (1, 1)

    play(story)


def test_what_comes_for_an_ill_connection_waits_in_postgresql() -> None:
    """But for some to try it with."""

    async def story(stage: Stage) -> None:
        stage.intake._bounds = Bounds(10 * MOST, 10 * BYTES, 30.0)
        stage.ill = {"crm"}
        stage.take(KEPT + 2)
        assert stage.lanes.pending == KEPT
        assert [shut for _, shut in stage.parking.unread] == [False] * KEPT + [True] * 2
        stage.take(1, connection="other")
        assert stage.parking.unread[-1][1] is False
        assert stage.lanes.pending == KEPT + 1
        stage.parking.takes_shut = False
        stage.take(1)
        assert stage.parking.taken[-1] == (KEPT + 3, True)

    play(story)


def test_a_slow_flow_waits_in_postgresql_and_not_ahead() -> None:
    """Its offsets go on; so many at once are on their way there, and a lane in memory stays there."""

    async def story(stage: Stage) -> None:
        stage.take(MOST)
        held = stage.lanes.pending
        stage.intake.measure(1.0)
        stage.intake.finished("flow")
        stage.intake.measure(1.0)
        assert held + stage.ahead() > CROWD_SECONDS * 1.0
        stage.parking.entering = SPILLING
        stage.intake.refill()
        assert stage.parking.spilled == []
        stage.parking.entering = SPILLING - 1
        stage.parking.takes_lanes = {"+351900000034"}
        stage.intake.refill()
        assert stage.parking.spilled == list(range(35, 34 + REFILL))
        assert (stage.lanes.pending, stage.ahead()) == (held, 66 - REFILL)
        # What is no more than a minute's work is read ahead as before.
        for _ in range(200):
            stage.intake.finished("flow")
        stage.intake.measure(1.0)
        stage.intake.refill()
        assert stage.ahead() == 66 - REFILL

    play(story)


def test_when_it_is_full_and_when_it_has_room() -> None:
    """By requests in memory, or on their way into PostgreSQL; by bytes; by what PostgreSQL may hold."""

    async def story(stage: Stage) -> None:
        intake, parking = stage.intake, stage.parking
        assert (intake.full, intake.has_room, intake.room_for_parked) == (False, True, 75)
        for number in range(MOST):
            stage.take(1, flow=str(number % 7))
        stage.intake.drop()
        while stage.lanes.pending < MOST - 1:
            stage.lanes.put(stage.next, Job(Planner(ACTIONS, {}).plan(record(b"{", stage.next)), stage.here))
            stage.next += 1
        assert (intake.full, intake.has_room, intake.room_for_parked) == (False, False, 75 - MOST + 1)
        stage.lanes.put("x", Job(Planner(ACTIONS, {}).plan(record(b"{", 999)), stage.here))
        assert intake.full
        stage.lanes.drop(lambda _: True)
        assert not intake.full
        parking.entering = MOST
        assert (intake.full, intake.has_room) == (True, False)
        parking.entering = 90
        assert (intake.full, intake.has_room) == (False, True)
        parking.entering = 91
        assert not intake.has_room
        parking.entering, parking.full = 0, True
        assert (intake.full, intake.has_room) == (True, True)
        parking.full = False
        stage.take(MOST * 3)
        assert (stage.lanes.pending < MOST, intake.full) == (True, True)

    play(story)


def test_the_longest_call_is_known() -> None:
    """As the setting says, unless a step asks for more."""

    async def story(stage: Stage) -> None:
        stage.take(1, timeout_seconds=7.0)
        assert stage.intake.longest_call == 30.0
        stage.take(1, timeout_seconds=70.0)
        stage.take(1)
        assert stage.intake.longest_call == 70.0

    play(story)


@pytest.mark.parametrize("known", [True, False])
def test_assignments_are_by_partition(*, known: bool) -> None:
    """One that has another in its place is not taken away for it."""
    all_of_them = Assignments()
    one = Assignment(("t", 0), cast("Any", SimpleNamespace(place="t/0")))
    other = Assignment(("t", 0), cast("Any", SimpleNamespace(place="t/0")))
    assert (one.leaving, one.entering, one.name, one.place) == (False, None, "t/0", ("t", 0))
    all_of_them.add(one)
    if known:
        all_of_them.remove(other)
        assert list(all_of_them) == [one]
        assert all_of_them.get(("t", 0)) is one
        assert set(all_of_them.places()) == {("t", 0)}
    else:
        all_of_them.remove(one)
        assert all_of_them.get(("t", 0)) is None
    assert all_of_them.get(("t", 1)) is None
