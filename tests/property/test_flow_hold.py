"""A flow is held for what its own deploy does to everybody, and for nothing else; once that is mended, all goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.runtime import metrics
from services.runtime.flow_hold import LONGEST_PAUSE_SECONDS, TRIALS, FlowHold

SUBJECTS = 3
FLOWS = ("sick", "other")
PLACES = st.integers(0, 200)
STEP = "2"


class World(RuleBasedStateMachine):
    """A clock of its own; of each flow things that wait and things at work. `sick` fails for all while it is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wrong = True
        self.version = 1
        self.numbers = 0
        self.waiting = dict.fromkeys(FLOWS, 40)
        self.at_work: list[tuple[str, str, str, float]] = []
        self.hold = FlowHold(SUBJECTS, gauge=metrics.FLOW_HELD, clock=lambda: self.now)
        self.hold.runs("sick", "1")

    @rule(flow=st.sampled_from(FLOWS), most=st.integers(1, 10), few=st.booleans())
    def begin(self, flow: str, most: int, few: bool) -> None:  # noqa: FBT001 - as drawn
        """As many as may, of many subjects or of three."""
        for _ in range(most):
            self.numbers += 1
            subject = f"contact-{self.numbers % 3 if few else self.numbers}"
            if not self.waiting[flow] or self.hold.held(flow, subject) > 0:
                break
            self.hold.took(flow, subject)
            self.waiting[flow] -= 1
            self.at_work.append((flow, str(self.version), subject, self.hold.now()))

    @precondition(lambda self: self.at_work)
    @rule(which=PLACES)
    def end(self, which: int) -> None:
        """One, in any order: as its flow is now. Of the other one, every second dies of its sender's data."""
        self._end(*self.at_work.pop(which % len(self.at_work)))

    def _end(self, flow: str, version: str, subject: str, began: float) -> None:
        if flow == "sick" and self.wrong and version == str(self.version):
            self.hold.failed(flow, version, STEP, "expression_failed", subject=subject, began=began)
            self.hold.passed(flow, version, {"0", "1"})
        else:
            self.hold.passed(flow, version, {"0", "1", STEP} if int(subject[8:]) % 2 or flow == "sick" else {"0"})

    @precondition(lambda self: self.at_work)
    @rule(which=PLACES, again=st.booleans())
    def lose(self, which: int, again: bool) -> None:  # noqa: FBT001 - as drawn
        """It is parked and comes again, or its partition is somebody else's now."""
        flow, *_ = self.at_work.pop(which % len(self.at_work))
        self.waiting[flow] += again

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.1, 5.0, 61.0, 700.0]))
    def passes(self, seconds: float) -> None:
        """Time."""
        self.now += seconds

    @rule()
    def comes(self) -> None:
        """More to do."""
        for flow in FLOWS:
            self.waiting[flow] += 1

    @invariant()
    def nobody_else_waits(self) -> None:
        """Safety."""
        assert not self.hold.holds("other")
        assert self.hold.held("other", "contact-1") == 0

    @rule(rolled_back=st.booleans())
    def mend(self, rolled_back: bool) -> None:  # noqa: FBT001 - as drawn
        """By another version, or outside: a connection is there now."""
        self.wrong = False
        if rolled_back:
            self.version += 1
            self.hold.runs("sick", str(self.version))
            assert not self.hold.holds("sick")

    @precondition(lambda self: not self.wrong)
    @rule()
    def deploy_badly(self) -> None:
        """Again."""
        self.wrong = True
        self.version += 1
        self.hold.runs("sick", str(self.version))

    def teardown(self) -> None:
        """From now on the cause is gone; what is at work may end, or never: everything held goes on without a hand."""
        self.wrong = False
        for one in self.at_work[::2]:
            self._end(*one)
        until = self.now + 2 * LONGEST_PAUSE_SECONDS + 10 * 40
        while self.waiting["sick"]:
            begun = []
            while self.waiting["sick"]:
                self.numbers += 1
                if wait := self.hold.held("sick", f"contact-{self.numbers}"):
                    break
                self.hold.took("sick", f"contact-{self.numbers}")
                self.waiting["sick"] -= 1
                begun.append((f"contact-{self.numbers}", self.hold.now()))
            self.now += 1.0  # a call's time
            for subject, began in begun:
                self._end("sick", str(self.version), subject, began)
            assert not (begun and self.hold.holds("sick")), "one lived, and nobody was let go"
            if not begun:
                self.now += wait
            assert self.now <= until, f"{self.waiting} wait for ever"


TestHold = World.TestCase
TestHold.settings = settings(max_examples=100, stateful_step_count=30)


def held(subjects: int = SUBJECTS) -> tuple[list[float], FlowHold]:
    """A clock, and a flow that is held since 0 s for 1 s."""
    clock = [0.0]
    hold = FlowHold(subjects, gauge=metrics.FLOW_HELD, clock=lambda: clock[0])
    for number in range(subjects):
        fails(hold, f"contact-{number}")
    assert hold.held("flow") == 1.0
    return clock, hold


def fails(hold: FlowHold, subject: str, *, step: str = STEP, cause: str = "x", began: float = 0.0) -> None:
    """One of the flow `flow`, version 1, dies."""
    hold.failed("flow", "1", step, cause, subject=subject, began=began)


def test_many_deaths_of_few_contacts_hold_nothing() -> None:
    """One contact that fails for ever says nothing of the flow."""
    hold = FlowHold(SUBJECTS, gauge=metrics.FLOW_HELD)
    for number in range(300):
        fails(hold, f"contact-{number % 2}")
    assert not hold.holds("flow")


def test_different_causes_hold_nothing() -> None:
    """A path with a hole differs from contact to contact."""
    hold = FlowHold(SUBJECTS, gauge=metrics.FLOW_HELD)
    for number in range(300):
        fails(hold, f"contact-{number}", cause=f"HTTP 404: GET /contacts/{number}")
    assert not hold.holds("flow")


def test_who_comes_past_the_step_clears_it_for_good() -> None:
    """The data differ then, and not the flow; another step is another matter."""
    hold = FlowHold(SUBJECTS, gauge=metrics.FLOW_HELD)
    fails(hold, "a")
    fails(hold, "b")
    hold.passed("flow", "1", {"0", STEP})
    for number in range(300):
        fails(hold, f"contact-{number}")
    assert not hold.holds("flow")
    for number in range(SUBJECTS):
        fails(hold, f"contact-{number}", step="3")
    assert hold.holds("flow")


def test_what_comes_past_another_step_lets_nobody_go() -> None:
    """Every trial comes past the steps before."""
    _, hold = held()
    hold.passed("flow", "1", {"0", "1"})
    assert hold.holds("flow")


def test_a_result_decides_however_late() -> None:
    """It began before the flow was held, others were tried since, and the pause grew: it lives, and all go on."""
    clock, hold = held()
    clock[0] = began = 1.0
    for number in range(TRIALS):
        assert hold.held("flow") == 0
        hold.took("flow", f"contact-{number}")
    assert hold.held("flow") == 1.0
    fails(hold, "contact-0", began=began)
    assert hold.held("flow") == 2.0
    fails(hold, "contact-1", began=began)
    assert hold.held("flow") == 2.0  # one pause for all that were tried together
    fails(hold, "late", began=0.0)
    assert hold.held("flow") == 2.0  # what was at work when all were held
    hold.passed("flow", "1", {STEP})
    assert hold.held("flow") == 0


def test_those_who_try_are_different_contacts() -> None:
    """One that sends again and again does not take the place of the others."""
    clock, hold = held()
    clock[0] = 1.0
    assert hold.held("flow", "loud") == 0
    hold.took("flow", "loud")
    assert hold.held("flow", "loud") > 0
    assert hold.held("flow", "quiet") == 0


def test_trials_that_never_end_are_followed_by_others() -> None:
    """After each pause, a few."""
    clock, hold = held()
    for moment in (1.0, 2.0, 3.0):
        clock[0] = moment
        for number in range(TRIALS):
            assert hold.held("flow", f"contact-{number}") == 0
            hold.took("flow", f"contact-{number}")
        assert hold.held("flow") == 1.0


def test_a_run_of_an_older_version_ends_no_hold() -> None:
    """Where only its time tells which is newer: it came before what runs now. A newer one does."""
    _, hold = held()
    then = datetime(2026, 1, 1, tzinfo=UTC)
    hold.runs("flow", "1", then)
    hold.runs("flow", "0", then - timedelta(hours=1))
    hold.passed("flow", "0", {STEP})
    assert hold.holds("flow")
    hold.runs("flow", "2", then + timedelta(seconds=1))
    assert not hold.holds("flow")


def test_a_hold_that_is_switched_off_holds_nothing() -> None:
    """The way to let all die that waits."""
    hold = FlowHold(0, gauge=metrics.FLOW_HELD)
    for number in range(300):
        fails(hold, f"contact-{number}")
    assert not hold.holds("flow")
