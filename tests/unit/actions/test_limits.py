"""Gates, fair turns and the guard, without PostgreSQL and with a clock of the test's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from services.actions import metrics
from services.actions.connections.parts import ConnectionLimits
from services.actions.limits.gate import LANES_OUTCOMES, STORM_OUTCOMES, Gate, Health
from services.actions.queue.turns import Turn, Turns
from services.runtime.death_hold import MOST_PAUSE_SECONDS, PAUSE_SECONDS, TRIALS, DeathHold


@dataclass
class World:
    """A clock, and what a gate asked for."""

    now: float = 100.0
    leases: int = 0
    trips: list[bool] = field(default_factory=list)

    def gate(self, **limits: float) -> Gate:
        """A gate of this world. One worker."""

        def lease() -> None:
            self.leases += 1

        made = Gate(ConnectionLimits(**limits), 64, lease, self.trips.append, lambda: self.now)  # type: ignore[arg-type]
        made.workers = 1
        return made


def test_slots_are_used_at_their_time_and_not_late() -> None:
    """Ten a second: one each tenth of a second. A slot that passed while nobody looked is gone."""
    world = World()
    gate = world.gate(requests_per_second=10)
    assert gate.take() > 0
    assert world.leases == 1
    gate.leased(0.0, 5, 0)
    assert gate.take() == 0
    assert 0 < gate.take() <= 0.1
    world.now += 0.3
    assert gate.take() == 0  # that of now
    assert gate.take() > 0  # those of 0.1 and 0.2 are not caught up with


def test_calls_at_once_are_shared_by_the_workers() -> None:
    """Nine over three workers: three each. While their number is not known, one."""
    gate = World().gate(concurrency=9)
    gate.workers = 3
    assert [gate.take() > 0 for _ in range(5)] == [False, False, False, True, True]
    gate.release()
    assert gate.take() == 0
    gate.workers = 1_000_000
    for _ in range(3):
        gate.release()
    assert [gate.take() > 0 for _ in range(2)] == [False, True]


def test_a_quota_is_spent_and_asked_for_again() -> None:
    """What was leased of it, and not more."""
    world = World()
    gate = world.gate(per_day=100)
    assert gate.take() > 0
    gate.leased(None, 0, 2)
    assert [gate.take() > 0 for _ in range(3)] == [False, False, True]
    gate.leased(None, 0, 0)
    assert gate.take() > 10  # it is spent


def test_a_storm_halves_and_pauses_and_few_failures_do_not() -> None:
    """Most answers are 429: fewer at once, and nothing before Retry-After."""
    world = World()
    gate = world.gate()
    for number in range(STORM_OUTCOMES):
        gate.told(number, Health.BUSY if number % 3 == 0 else Health.WELL, 5.0)
    assert gate.take() == 0
    gate.release()
    for number in range(STORM_OUTCOMES):
        gate.told(-number, Health.BUSY, 5.0)
    assert gate.take() == 5.0
    world.now += 5.1
    assert gate.take() == 0


def test_a_breaker_trips_lets_one_try_and_trips_again() -> None:
    """A tenth of failures is no illness; nearly all are. While it is open, only a probe goes."""
    world = World()
    gate = world.gate()
    for number in range(100):
        gate.told(number, Health.ILL if number % 10 == 0 else Health.WELL, None)
    assert world.trips == []
    for number in range(100, 100 + LANES_OUTCOMES):
        gate.told(number, Health.ILL, None)
    assert world.trips == [False]
    gate.told(200, Health.ILL, None)  # one that was at work
    assert world.trips == [False]
    assert gate.take() > 0
    gate.breaker(opened=True, probe=True)
    assert (gate.take(), gate.probing) == (0, True)
    assert gate.take() > 0
    gate.told(201, Health.ILL, None)
    gate.release()
    assert world.trips == [False, True]
    assert gate.take() > 0
    gate.breaker(opened=False)
    assert gate.take() == 0


@pytest.mark.parametrize("health", [Health.ILL, Health.BUSY])
@pytest.mark.parametrize("healthy", [0, 30])
def test_always_the_same_lanes_speak_against_nobody(health: Health, healthy: int) -> None:
    """Twenty contacts whose call fails again and again, among healthy ones or alone: nothing opens, nothing pauses."""
    world = World()
    gate = world.gate()
    for turn in range(50):
        for lane in range(healthy if turn == 0 else 0):
            gate.told(("well", lane), Health.WELL, None)
        for lane in range(20):
            gate.told(("bad", lane), health, 60.0 if turn else None)
    assert world.trips == []
    assert gate.take() == 0


def test_a_refusal_speaks_against_the_destination_whosever_call_it_is() -> None:
    """Also of few lanes: no connection is no lane's fault. Nor is a lane in doubt for it."""
    world = World()
    gate = world.gate()
    for number in range(STORM_OUTCOMES):
        gate.told(number % 3, Health.AWAY, None)
    assert world.trips == [False]
    assert not gate.failed_last(0)


def test_a_lane_that_succeeds_can_speak_again() -> None:
    """So a destination that is well and then ill is noticed by the same lanes."""
    world = World()
    gate = world.gate()
    for health in (Health.ILL, Health.WELL):
        for number in range(LANES_OUTCOMES - 1):
            gate.told(number, health, None)
    assert world.trips == []
    for number in range(LANES_OUTCOMES - 1):
        gate.told(number, Health.ILL, None)
    assert world.trips == [False]


def test_a_try_that_comes_to_nothing_is_made_by_another() -> None:
    """The journal knew its answer, so nobody was asked: the next lane tries at once."""
    world = World()
    gate = world.gate()
    gate.breaker(opened=True, probe=True)
    for _ in range(3):
        assert (gate.take(), gate.probing) == (0, True)
        gate.release()
    assert gate.take() == 0
    gate.told("lane", Health.ILL, None)
    gate.release()
    assert gate.take() > 0


def test_an_open_breaker_is_tried_with_a_lane_that_did_not_fail_last() -> None:
    """Of any flow that is not held, the newest too; if all did, the one whose turn it is."""
    guard = DeathHold(1, 0.8, kind="flow", gauge=metrics.FLOW_HELD)
    failed = {f"bad {number}" for number in range(20)}
    ready = Turns(lambda _: 0.0, guard, lambda _: failed.__contains__)
    assert ready.waiting("crm", failed.__contains__) is None
    for number in range(20):
        ready.push(Turn("crm", "flow"), f"bad {number}")
    assert ready.waiting("crm", failed.__contains__) is False
    ready.push(Turn("crm", "flow"), "new")
    ready.push(Turn("crm", "other"), "of another flow")
    ready.push(Turn("crm", "held"), "of a held flow")
    guard.ended("held", dead=True, began=0.0)
    assert ready.waiting("crm", failed.__contains__) is True
    chosen = [ready.pop() for _ in range(22)]
    assert {chosen[0], chosen[1]} == {("new", "crm"), ("of another flow", "crm")}
    assert chosen[2:] == [(f"bad {number}", "crm") for number in range(20)]
    assert isinstance(ready.pop(), float)
    assert len(ready) == 1


def test_flows_take_turns_by_their_weight() -> None:
    """A flow with 1,000 lanes and one with 4: those four are soon done."""
    ready = Turns(lambda _: 0.0)
    for number in range(1_000):
        ready.push(Turn("crm", "campaign"), ("campaign", number))
    for number in range(4):
        ready.push(Turn("crm", "lead"), ("lead", number))
    for number in range(4):
        ready.push(Turn("crm", "urgent", 4), ("urgent", number))
    first = [ready.pop() for _ in range(12)]
    assert Counter(one[0][0] for one in first if isinstance(one, tuple)) == {"campaign": 4, "lead": 4, "urgent": 4}  # type: ignore[index]
    assert len(ready) == 996


def test_a_closed_gate_holds_up_no_other_connection() -> None:
    """And tells when to ask again."""
    ready = Turns(lambda name: 3.0 if name == "closed" else 0.0)
    ready.push(Turn("closed", "flow"), 1)
    ready.push(Turn("open", "flow"), 2)
    assert ready.pop() == (2, "open")
    assert ready.pop() == 3.0
    ready.keep(())
    assert len(ready) == 0


def test_a_flow_that_only_dies_is_held_and_tried() -> None:
    """Others go on. After the pause a few are let through; one that lives lets all go."""
    world = World()
    guard = DeathHold(10, 0.8, kind="flow", gauge=metrics.FLOW_HELD, clock=lambda: world.now)
    ready = Turns(lambda _: 0.0, guard)
    for _ in range(10):
        guard.ended("bad", dead=True, began=world.now)
    for number in range(20):
        ready.push(Turn("crm", "bad"), ("bad", number))
    ready.push(Turn("crm", "good"), ("good", 0))
    assert ready.pop() == (("good", 0), "crm")
    assert ready.pop() == PAUSE_SECONDS
    began = world.now = world.now + PAUSE_SECONDS
    tried = [ready.pop() for _ in range(TRIALS + 1)]
    assert tried[:-1] == [(("bad", number), "crm") for number in range(TRIALS)]
    assert isinstance(tried[-1], float)
    world.now += PAUSE_SECONDS
    guard.ended("bad", dead=True, began=began)
    assert ready.pop() == 2 * PAUSE_SECONDS
    world.now += MOST_PAUSE_SECONDS
    assert isinstance(ready.pop(), tuple)
    guard.ended("bad", dead=False, began=world.now)
    assert guard.held("bad") == 0


def test_a_flow_of_which_some_die_is_not_held() -> None:
    """Three of four."""
    guard = DeathHold(10, 0.8, kind="flow", gauge=metrics.FLOW_HELD)
    for number in range(1_000):
        guard.ended("so-so", dead=number % 4 != 0, began=guard.now())
    assert guard.held("so-so") == 0
    for number in range(200):
        guard.ended("so-so", dead=number % 9 != 0, began=guard.now())
    assert guard.held("so-so") > 0
