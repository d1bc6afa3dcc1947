"""What is held is tried until one lives: from the moment that all is well again, everything ends in bounded time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from services.actions import metrics
from services.runtime.death_hold import MOST_PAUSE_SECONDS, TRIALS, DeathHold

ROW = 3
FLOW = "flow"
PLACES = st.integers(0, 200)


class World(RuleBasedStateMachine):
    """A clock of its own, things that wait, and things at work, each with the moment at which it began."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waiting = 40
        self.at_work: list[float] = []
        self.guard = DeathHold(ROW, 0.8, kind="flow", gauge=metrics.FLOW_HELD, clock=lambda: self.now)

    @rule(most=st.integers(1, 10))
    def begin(self, most: int) -> None:
        """As many as may, and one asking more, as lanes do."""
        for _ in range(most):
            if self.guard.held(FLOW) > 0 or not self.waiting:
                break
            self.guard.took(FLOW)
            self.waiting -= 1
            self.at_work.append(self.guard.now())
        self.guard.held(FLOW)

    @precondition(lambda self: self.at_work)
    @rule(which=PLACES, dead=st.booleans())
    def end(self, which: int, dead: bool) -> None:  # noqa: FBT001 - as drawn
        """One, in any order."""
        began = self.at_work.pop(which % len(self.at_work))
        self.guard.ended(FLOW, dead=dead, began=began)

    @precondition(lambda self: self.at_work)
    @rule(which=PLACES, again=st.booleans())
    def lose(self, which: int, again: bool) -> None:  # noqa: FBT001 - as drawn
        """It is parked and comes again, or its partition is somebody else's now."""
        self.at_work.pop(which % len(self.at_work))
        self.waiting += again

    @rule(seconds=st.sampled_from([0.1, 5.0, 29.0, 31.0, 120.0, 700.0]))
    def passes(self, seconds: float) -> None:
        """Time."""
        self.now += seconds

    @rule()
    def comes(self) -> None:
        """More to do."""
        self.waiting += 1

    def teardown(self) -> None:
        """From now on all is well, for what begins; what is at work may still die, or never end."""
        for began in self.at_work[::2]:
            self.guard.ended(FLOW, dead=True, began=began)
        until = self.now + 2 * MOST_PAUSE_SECONDS
        while self.waiting:
            begun = []
            while self.waiting and not (wait := self.guard.held(FLOW)):
                self.guard.took(FLOW)
                self.waiting -= 1
                begun.append(self.guard.now())
            self.now += 1.0  # a call's time
            for began in begun:
                self.guard.ended(FLOW, dead=False, began=began)
            assert not (begun and self.guard.holds(FLOW)), "one lived, and nobody was let go"
            if not begun:
                self.now += wait
            assert self.now <= until, f"{self.waiting} wait for ever"


TestGuard = World.TestCase
TestGuard.settings = settings(max_examples=100, stateful_step_count=30)


def held(row: int = ROW) -> tuple[list[float], DeathHold]:
    """A clock, and a guard that holds the flow since 0 s for 30 s."""
    clock = [0.0]
    guard = DeathHold(row, 0.8, kind="flow", gauge=metrics.FLOW_HELD, clock=lambda: clock[0])
    for _ in range(row):
        guard.ended(FLOW, dead=True, began=0.0)
    assert guard.held(FLOW) == 30.0
    return clock, guard


def test_a_trial_decides_however_late() -> None:
    """Its siblings died, others were let through since, and the pause grew: it lives, and all go on."""
    clock, guard = held()
    clock[0] = began = 30.0
    for _ in range(TRIALS):
        assert guard.held(FLOW) == 0
        guard.took(FLOW)
    assert guard.held(FLOW) == 30.0
    clock[0] = 31.0
    guard.ended(FLOW, dead=True, began=began)
    assert guard.held(FLOW) == 60.0
    guard.ended(FLOW, dead=True, began=began)
    assert guard.held(FLOW) == 60.0  # one pause for all that were tried together
    clock[0] = 200.0
    guard.ended(FLOW, dead=False, began=began)
    assert guard.held(FLOW) == 0


def test_what_was_at_work_when_all_were_held_decides_nothing() -> None:
    """Neither by its death nor by its life: a flow of which four of five die is held."""
    clock, guard = held()
    clock[0] = 40.0
    for dead in (True, False):
        guard.ended(FLOW, dead=dead, began=0.0)
        assert guard.holds(FLOW)
        assert guard.held(FLOW) == 0


def test_trials_that_never_end_are_followed_by_others() -> None:
    """After each pause, a few."""
    clock, guard = held()
    for moment in (30.0, 60.0, 90.0):
        clock[0] = moment
        for _ in range(TRIALS):
            assert guard.held(FLOW) == 0
            guard.took(FLOW)
        assert guard.held(FLOW) == 30.0
