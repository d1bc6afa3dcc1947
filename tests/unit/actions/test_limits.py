"""Gates, fair turns and the guard, without PostgreSQL and with a clock of the test's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from random import Random

import pytest

from services.actions.connections.parts import ConnectionLimits
from services.actions.limits.evidence import LAST, LAST_LANES, MANY, Word
from services.actions.limits.gate import Gate
from services.actions.queue.turns import Turn, Turns
from services.runtime import metrics
from services.runtime.flow_hold import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, TRIALS, FlowHold


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


def told(gate: Gate, lane: Hashable, word: Word, *, step: str = "0", retry_after: float | None = None) -> bool:
    """One call, begun and ended."""
    gate.at_work += 1
    charged = gate.told(lane, ("flow", step), word, retry_after)
    gate.release()
    return charged


def test_a_storm_slows_down_and_pauses_and_one_lane_does_not() -> None:
    """Most answers are 429: slower, fewer at once, and nothing before Retry-After. One contact's are its own."""
    world = World()
    gate = world.gate()
    for _ in range(LAST):
        told(gate, "strict", Word.BUSY, retry_after=5.0)
        told(gate, "well", Word.WELL)
    assert gate.take() == 0
    gate.release()
    for number in range(LAST):
        assert told(gate, number, Word.BUSY, retry_after=5.0) is (number == 0)
    assert gate.take() == 5.0
    world.now += 5.1
    assert gate.take() == 0


def test_the_pace_that_a_destination_bears_is_found() -> None:
    """It takes ten a second, and says busy to all others: after the first second few of them, and most of the ten."""
    world = World()
    gate = world.gate()
    took: Counter[int] = Counter()
    busy: Counter[int] = Counter()
    for tick in range(60 * 100):
        world.now = 100.0 + tick / 100
        while gate.take() == 0:
            second, lane = int(world.now), (tick, took[int(world.now)] + busy[int(world.now)])
            if took[second] < 10:
                took[second] += 1
                gate.told(lane, "step", Word.WELL)
            else:
                busy[second] += 1
                gate.told(lane, "step", Word.BUSY)
            gate.release()
            if busy[second] > 1_000:
                break
    after = range(110, 160)
    assert sum(busy[second] for second in after) < 0.25 * sum(took[second] for second in after)
    assert sum(took[second] for second in after) > 0.7 * 10 * len(after)
    assert world.trips == []


def test_after_a_storm_in_which_it_took_nothing_calls_come_back_as_after_an_outage() -> None:
    """Six seconds of 429 for all, without a Retry-After, and tried all the while: that is no pace that it bears."""
    world = World()
    gate = world.gate()
    begun: Counter[int] = Counter()
    for tick in range(25 * 100):
        world.now = 100.0 + tick / 100
        second = tick // 100
        while begun[second] < 300 and gate.take() == 0:
            begun[second] += 1
            told(gate, (tick, begun[second]), Word.BUSY if 1 <= second < 7 else Word.WELL)
            gate.release()
    assert sum(begun[second] for second in range(2, 7)) < 30
    assert all(begun[second] for second in range(2, 7))
    assert begun[19] > 200
    assert world.trips == []


def test_a_few_in_a_hundred_that_are_told_busy_slow_nobody() -> None:
    """At random, five of a hundred, of many lanes, for a minute: as fast as ever. Nearly each is its call's own."""
    world = World()
    gate = world.gate()
    chance = Random(7)  # noqa: S311 - the same each time
    charged = 0
    for number in range(60 * 200):
        world.now += 1 / 200
        assert gate.take() == 0
        charged += gate.told(number, "step", Word.BUSY if chance.random() < 0.05 else Word.WELL)
        gate.release()
    assert charged > 60 * 200 * 0.98
    assert world.trips == []


def test_a_breaker_trips_lets_one_try_and_trips_again() -> None:
    """A tenth of failures is no illness; nearly all are. While it is open, only a probe goes."""
    world = World()
    gate = world.gate()
    for number in range(100):
        told(gate, number, Word.FAILED if number % 10 == 0 else Word.WELL)
    assert world.trips == []
    for number in range(100, 100 + LAST_LANES):
        told(gate, number, Word.FAILED)
    assert world.trips == [False]
    told(gate, 200, Word.FAILED)  # one that was at work
    assert world.trips == [False]
    assert gate.take() > 0
    gate.breaker(opened=True, probe=True)
    assert (gate.take(), gate.probing) == (0, True)
    assert gate.take() > 0
    assert not gate.told(201, "step", Word.FAILED)
    gate.release()
    assert world.trips == [False, True]
    assert gate.take() > 0
    gate.breaker(opened=False)
    assert gate.take() == 0


def test_after_an_outage_calls_start_slowly() -> None:
    """One at first, then more with each that succeeds; in a while as many as before."""
    world = World()
    gate = world.gate()
    gate.breaker(opened=True)
    world.now += 60
    gate.breaker(opened=False)
    begun: Counter[int] = Counter()
    for tick in range(30 * 100):
        world.now += 0.01
        while begun[tick // 100] < 5_000 and gate.take() == 0:
            begun[tick // 100] += 1
            told(gate, "any", Word.WELL)
            gate.release()
    assert begun[0] <= 12
    assert begun[3] > begun[1] > begun[0]
    assert begun[25] > 1_000


@pytest.mark.parametrize(
    ("word", "healthy"),
    [(Word.FAILED, 0), (Word.DENIED, 0), (Word.FAILED, 30), (Word.DENIED, 30), (Word.BUSY, 30)],
)
def test_always_the_same_lanes_speak_against_nobody(word: Word, healthy: int) -> None:
    """Twenty contacts whose call fails again and again, among healthy ones or for a while alone: nothing opens."""
    world = World()
    gate = world.gate()
    for turn in range(50):
        world.now += 0.25
        for lane in range(healthy):
            told(gate, ("well", lane), Word.WELL)
        for lane in range(20):
            charged = told(gate, ("bad", lane), word, retry_after=60.0 if turn else None)
            assert charged or not healthy or word is Word.BUSY
    assert world.trips == []
    world.now += 60
    assert gate.take() == 0


@pytest.mark.parametrize("word", [Word.FAILED, Word.DENIED])
def test_few_lanes_that_all_fail_are_evidence_too(word: Word) -> None:
    """Three contacts are all there are, and nobody succeeds for a while: it is the connection."""
    world = World()
    gate = world.gate()
    charged = []
    while not world.trips and world.now < 200:
        charged += [told(gate, lane, word) for lane in range(3)]
        world.now += 1
    assert 110 < world.now < 120
    assert charged[:2] == [True, True]
    assert set(charged[2:]) == {False}


def test_busy_where_nobody_succeeds_is_nobodys_own_fault() -> None:
    """Also the first to be told so, where all others were denied or failed: whose fault it is nobody knows yet."""
    world = World()
    gate = world.gate()
    for _ in range(10):
        told(gate, "well", Word.WELL)
    for lane in range(3):
        assert told(gate, lane, Word.DENIED)
    assert told(gate, 3, Word.BUSY)
    world.now += 11.0
    assert not told(gate, 4, Word.BUSY)


def test_a_lane_alone_is_judged_by_its_own_attempts() -> None:
    """Whose fault it is nobody can say; a refusal is never its own."""
    world = World()
    gate = world.gate()
    for _ in range(10):
        assert told(gate, "one", Word.FAILED)
        world.now += 10
    assert world.trips == []
    assert not told(gate, "one", Word.AWAY)


def test_one_step_that_fails_waits_alone() -> None:
    """403, 405 or 5xx of its path over distinct contacts, while other steps' calls succeed: they go on."""
    world = World()
    gate = world.gate()
    for number in range(10):
        world.now += 0.1
        told(gate, ("other", number), Word.WELL, step="1")
        charged = told(gate, number, Word.DENIED, step="2")
    assert not charged
    assert world.trips == []
    assert gate.rests(("flow", "1")) == 0
    assert 0 < gate.rests(("flow", "2")) <= 5
    world.now += 5
    assert gate.rests(("flow", "2")) == 0
    gate.tries(("flow", "2"))
    assert gate.rests(("flow", "2")) > 0  # one at a time
    told(gate, "trial", Word.DENIED, step="2")
    assert gate.rests(("flow", "2")) > 5
    world.now += 10
    assert gate.rests(("flow", "2")) == 0
    gate.tries(("flow", "2"))
    told(gate, "another", Word.WELL, step="2")
    assert gate.rests(("flow", "2")) == 0


def test_denied_over_all_steps_is_the_connections() -> None:
    """403 of distinct contacts in several steps, and nobody succeeds. Of one among successes it is final."""
    world = World()
    gate = world.gate()
    told(gate, "well", Word.WELL, step="1")
    assert gate.denied_alone("one", ("flow", "1"), 99.0)
    assert not gate.denied_alone("well", ("flow", "1"), 99.0)
    assert not gate.denied_alone("one", ("flow", "1"), 101.0)
    assert not gate.denied_alone("one", ("flow", "2"), 99.0)
    for second in range(20):
        world.now += 1
        for number in range(6):
            told(gate, number, Word.DENIED, step=str(number % 3))
        assert bool(world.trips) is (second >= 15)


def test_a_refusal_speaks_against_the_destination_whosever_call_it_is() -> None:
    """Also of few lanes: no connection is no lane's fault. Nor is a lane in doubt for it."""
    world = World()
    gate = world.gate()
    for number in range(LAST):
        told(gate, number % 3, Word.AWAY)
    assert world.trips == [False]
    assert not gate.failed_last(0)


def test_a_lane_that_succeeds_can_speak_again() -> None:
    """So a destination that is well and then ill is noticed by the same lanes."""
    world = World()
    gate = world.gate()
    for word in (Word.FAILED, Word.WELL):
        for number in range(MANY - 1):
            told(gate, number, word)
    assert world.trips == []
    for number in range(LAST_LANES):
        told(gate, number, Word.FAILED)
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
    gate.told("lane", "step", Word.FAILED)
    gate.release()
    assert gate.take() > 0


def test_time_stands_still_while_nothing_can_be_called() -> None:
    """While the breaker is open, and in a pause."""
    world = World()
    gate = world.gate()
    before = gate.stood
    gate.breaker(opened=True)
    world.now += 30
    assert gate.stood - before == 30
    gate.breaker(opened=False)
    gate.pause(20)
    gate.pause(10)
    world.now += 60
    assert gate.stood - before == 50


def test_an_open_breaker_is_tried_with_a_lane_that_did_not_fail_last() -> None:
    """Of any flow that is not held, the newest too; if all did, the one whose turn it is."""
    guard = FlowHold(1, gauge=metrics.FLOW_HELD)
    failed = {f"bad {number}" for number in range(20)}
    ready = Turns(lambda _: 0.0, guard, lambda _: failed.__contains__)
    assert ready.waiting("crm", failed.__contains__) is None
    for number in range(20):
        ready.push(Turn("crm", "flow"), f"bad {number}")
    assert ready.waiting("crm", failed.__contains__) is False
    ready.push(Turn("crm", "flow"), "new")
    ready.push(Turn("crm", "other"), "of another flow")
    ready.push(Turn("crm", "held"), "of a held flow")
    guard.failed("held", "1", "0", "x", subject="a", began=0.0)
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
    guard = FlowHold(10, gauge=metrics.FLOW_HELD, clock=lambda: world.now)
    ready = Turns(lambda _: 0.0, guard)
    for number in range(10):
        guard.failed("bad", "1", "0", "x", subject=str(number), began=world.now)
    for number in range(20):
        ready.push(Turn("crm", "bad"), ("bad", number))
    ready.push(Turn("crm", "good"), ("good", 0))
    assert ready.pop() == (("good", 0), "crm")
    assert ready.pop() == FIRST_PAUSE_SECONDS
    began = world.now = world.now + FIRST_PAUSE_SECONDS
    tried = [ready.pop() for _ in range(TRIALS + 1)]
    assert tried[:-1] == [(("bad", number), "crm") for number in range(TRIALS)]
    assert isinstance(tried[-1], float)
    world.now += FIRST_PAUSE_SECONDS
    guard.failed("bad", "1", "0", "x", subject="a", began=began)
    assert ready.pop() == 2 * FIRST_PAUSE_SECONDS
    world.now += LONGEST_PAUSE_SECONDS
    assert isinstance(ready.pop(), tuple)
    guard.passed("bad", "1", {"0"})
    assert guard.held("bad") == 0
