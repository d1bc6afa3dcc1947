"""Whose turn it is, and what is counted of who waits: flow by flow, connection by connection, on made time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from services.actions.queue.lanes import Lanes
from services.actions.queue.turns import Doubted, Turn, Turns
from tests.support.world import loop

Job = tuple[str, int]
TURNS = {
    "a": Turn("crm", "f"),
    "b": Turn("crm", "f"),
    "c": Turn("crm", "g"),
    "o": Turn("other", "f"),
    "p": Turn("other", "h"),
}


class Gate:
    """`shut`: for how long, by connection. `taken` and `released`: what began and ended there."""

    def __init__(self) -> None:
        self.shut: dict[str, float] = {}
        self.doubted: Doubted | None = None
        self.taken: list[str] = []
        self.released: list[str] = []

    def take(self, connection: str) -> float:
        """As a gate."""
        if (wait := self.shut.get(connection, 0.0)) > 0:
            return wait
        self.taken.append(connection)
        return 0.0

    def release(self, connection: str) -> None:
        """As a gate."""
        self.released.append(connection)

    def doubts(self, _connection: str) -> Doubted | None:
        """As a gate."""
        return self.doubted


class Guard:
    """`holds`: for how long, by flow; `took_`: what began."""

    def __init__(self) -> None:
        self.holds: dict[str, float] = {}
        self.began: list[str] = []

    def held(self, flow: str) -> float:
        """As a guard."""
        return self.holds.get(flow, 0.0)

    def took(self, flow: str) -> None:
        """As a guard."""
        self.began.append(flow)


class Stage:
    """Lanes whose work takes a second, and answers what `waits` has for a job, once."""

    def __init__(self, concurrency: int = 10) -> None:
        self.gate, self.guard = Gate(), Guard()
        self.waits: dict[Job, float] = {}
        self.rests: dict[Job, float] = {}
        self.bugs: list[tuple[Job, str]] = []
        self.begun: list[tuple[float, Job]] = []
        self.loop = asyncio.get_running_loop()
        self.started = self.loop.time()
        self.seconds = 1.0
        self.lanes: Lanes[Job] = Lanes(
            self._work,
            concurrency,
            lambda job, error: self.bugs.append((job, repr(error))),
            turn=lambda job: TURNS[job[0][0]],
            gate=self.gate,
            guard=self.guard,
            clock=self.loop.time,
            rests=lambda job: self.rests.get(job, 0.0),
        )

    async def _work(self, job: Job) -> float | None:
        self.begun.append((round(self.loop.time() - self.started, 1), job))
        await asyncio.sleep(self.seconds)
        return self.waits.pop(job, None)

    def put(self, *jobs: Job) -> None:
        """Each in its lane."""
        for job in jobs:
            self.lanes.put(job[0], job)

    def counts(self) -> tuple[int, ...]:
        """Pending, open, of f, awake of f, at crm."""
        one = self.lanes
        return one.pending, one.open, one.pending_of("f"), one.awake_of("f"), one.pending_at("crm")


def play(story: Callable[[Stage], Coroutine[Any, Any, None]], concurrency: int = 10) -> None:
    """A story with a stage of its own."""

    async def played() -> None:
        stage = Stage(concurrency)
        await story(stage)
        await stage.lanes.close()

    loop.run(played)


def test_what_waits_is_counted_by_flow_and_connection() -> None:
    """From the put to the end, also while a lane sleeps, and when it is cut."""

    async def story(stage: Stage) -> None:
        assert stage.counts() == (0, 0, 0, 0, 0)
        stage.waits["a", 0] = 10.0
        stage.put(("a", 0), ("a", 1), ("a", 2), ("c", 0), ("o", 0))
        assert stage.counts() == (5, 3, 4, 4, 4)
        assert stage.lanes.holds("a")
        assert not stage.lanes.holds("b")
        await asyncio.sleep(1.5)
        assert stage.counts() == (3, 1, 3, 0, 3)
        stage.put(("a", 3), ("b", 0))
        assert stage.counts() == (5, 2, 5, 1, 5)
        assert stage.lanes.cut("a") == [("a", 1), ("a", 2), ("a", 3)]
        assert stage.counts() == (2, 2, 2, 1, 2)
        stage.put(("a", 4))
        await asyncio.sleep(9.6)
        assert stage.counts() == (2, 1, 2, 2, 2)
        await asyncio.sleep(2.0)
        assert stage.counts() == (0, 0, 0, 0, 0)
        assert [job for _, job in stage.begun] == [("a", 0), ("c", 0), ("o", 0), ("b", 0), ("a", 0), ("a", 4)]
        assert sorted(stage.gate.taken) == sorted(stage.gate.released) == ["crm"] * 5 + ["other"]
        assert stage.guard.began == ["f", "g", "f", "f", "f", "f"]
        assert (stage.lanes._flows, stage.lanes._awake, stage.lanes._busy, stage.lanes._busy_flows) == ({},) * 4

    play(story)


def test_what_is_dropped_or_shed_is_counted_no_more() -> None:
    """Asleep or not; what wakes then has nothing to do."""

    async def story(stage: Stage) -> None:
        stage.waits = {("a", 0): 5.0, ("c", 0): 5.0}
        stage.put(("a", 0), ("a", 1), ("c", 0), ("o", 0), ("o", 1))
        await asyncio.sleep(1.5)
        assert stage.counts() == (4, 3, 3, 1, 3)
        assert stage.lanes.some(lambda job: job == ("o", 1))
        assert not stage.lanes.some(lambda job: job == ("o", 0))
        assert stage.lanes.drop(lambda job: job in [("a", 1), ("o", 1)]) == [("a", 1)]
        assert stage.counts() == (3, 3, 2, 1, 2)
        assert stage.lanes.shed("crm", lambda _: True, 1) == [("c", 0)]
        assert stage.counts() == (2, 2, 2, 1, 1)
        assert stage.lanes.drop(lambda _: True) == [("a", 0)]
        assert stage.counts() == (1, 1, 1, 1, 0)
        await asyncio.sleep(10.0)
        assert stage.counts() == (0, 0, 0, 0, 0)
        assert len(stage.begun) == 4

    play(story)


def test_what_is_dropped_of_those_that_are_ready_is_not_begun() -> None:
    """The others are, in their order."""

    async def story(stage: Stage) -> None:
        stage.put(*[(lane, 0) for lane in ("a1", "a2", "a3", "c1")])
        assert stage.lanes.drop(lambda job: job[0] == "a3") == [("a3", 0)]
        assert stage.lanes.shed("crm", lambda _: False, 0) == [("a2", 0), ("c1", 0)]
        await asyncio.sleep(5.0)
        assert [job for _, job in stage.begun] == [("a1", 0)]

    play(story, concurrency=1)


def test_a_lane_that_may_not_be_called_yet_rests() -> None:
    """As long as its first must; it holds up nobody and is not awake meanwhile."""

    async def story(stage: Stage) -> None:
        stage.rests["a", 1] = 3.0
        stage.put(("a", 0), ("a", 1), ("c", 0))
        await asyncio.sleep(1.5)
        assert stage.counts() == (1, 1, 1, 0, 1)
        stage.rests.clear()
        await asyncio.sleep(4.0)
        assert stage.begun[2:] == [(4.0, ("a", 1))]

    play(story)


def test_a_gate_that_is_shut_is_asked_again_when_it_says_or_when_it_is_kicked() -> None:
    """The sooner of both; other connections go on."""

    async def story(stage: Stage) -> None:
        stage.gate.shut["crm"] = 10.0
        stage.put(("a", 0), ("o", 0))
        await asyncio.sleep(0.5)
        assert [job for _, job in stage.begun] == [("o", 0)]
        assert not stage.lanes.stuck
        stage.gate.shut["crm"] = 4.0
        stage.put(("b", 0))
        stage.gate.shut["crm"] = 7.0
        stage.put(("c", 0))
        await asyncio.sleep(3.0)
        stage.gate.shut.clear()
        await asyncio.sleep(2.0)
        assert sorted(stage.begun[1:]) == [(4.5, ("a", 0)), (4.5, ("b", 0)), (4.5, ("c", 0))]
        stage.gate.shut["crm"] = 100.0
        stage.put(("a", 1))
        await asyncio.sleep(1.5)
        stage.gate.shut.clear()
        stage.lanes.kick()
        await asyncio.sleep(0.1)
        assert stage.begun[4:] == [(7.0, ("a", 1))]

    play(story)


def test_a_flow_that_is_held_waits_and_no_other() -> None:
    """It is asked again when it says."""

    async def story(stage: Stage) -> None:
        stage.guard.holds["f"] = 5.0
        stage.put(("a", 0), ("c", 0), ("o", 0))
        await asyncio.sleep(2.0)
        assert [job for _, job in stage.begun] == [("c", 0)]
        stage.guard.holds.clear()
        await asyncio.sleep(4.0)
        assert sorted(stage.begun[1:]) == [(5.0, ("a", 0)), (5.0, ("o", 0))]
        assert stage.guard.began == ["g", "f", "f"]

    play(story)


def test_at_most_so_many_are_at_work_and_the_oldest_is_known() -> None:
    """When one ends the next begins at once."""

    async def story(stage: Stage) -> None:
        assert stage.lanes.oldest_work_seconds() == 0.0
        stage.put(*[(f"a{number}", 0) for number in range(6)], *[(f"o{number}", 0) for number in range(6)])
        await asyncio.sleep(0.5)
        assert len(stage.begun) == 3
        stage.seconds = 3.0
        await asyncio.sleep(1.0)
        assert len(stage.begun) == 6
        assert stage.lanes.oldest_work_seconds() == 0.5
        await asyncio.sleep(30.0)
        assert len(stage.begun) == 12
        assert stage.lanes.oldest_work_seconds() == 0.0
        assert stage.begun[-1][0] <= 8.0

    play(story, concurrency=3)


def test_what_is_at_work_is_waited_for_so_long() -> None:
    """Only what is asked for."""

    async def story(stage: Stage) -> None:
        assert await stage.lanes.settled(lambda _: True, 0.0)
        stage.put(("a", 0), ("a", 1), ("o", 0))
        await asyncio.sleep(0)
        assert await stage.lanes.settled(lambda job: job == ("a", 1), 0.0)
        began = stage.loop.time()
        assert not await stage.lanes.settled(lambda job: job[0] == "a", 0.4)
        assert stage.loop.time() - began < 0.45
        assert await stage.lanes.settled(lambda job: job == ("a", 0), 5.0)
        assert stage.loop.time() - began < 1.1

    play(story)


def test_a_bug_frees_its_place_and_its_gate() -> None:
    """Its lane stands still, and is told."""

    async def story(stage: Stage) -> None:
        async def broken(job: Job) -> float | None:
            raise KeyError(job[1])

        stage.lanes._work = broken
        stage.put(("a", 0), ("a", 1), ("o", 0))
        await asyncio.sleep(5.0)
        assert stage.bugs == [(("a", 0), "KeyError(0)"), (("o", 0), "KeyError(0)")]
        assert sorted(stage.gate.released) == ["crm", "other"]
        assert stage.lanes.oldest_work_seconds() == 0.0
        assert stage.lanes.pending == 3

    play(story, concurrency=1)


def test_nothing_is_begun_after_the_end() -> None:
    """Not by a timer, a kick or a put; what is at work is cancelled."""

    async def story(stage: Stage) -> None:
        stage.waits["a", 0] = 1.0
        stage.gate.shut["other"] = 2.5
        stage.put(("a", 0), ("o", 0))
        await asyncio.sleep(1.5)
        stage.put(("c", 0))
        await asyncio.sleep(0.1)
        await stage.lanes.close()
        stage.gate.shut.clear()
        stage.lanes.kick()
        stage.put(("b", 0))
        await asyncio.sleep(10.0)
        assert [job for _, job in stage.begun] == [("a", 0), ("c", 0)]
        assert stage.counts()[0] == 4

    play(story)


def test_jobs_that_are_ready_while_nobody_works_are_a_bug() -> None:
    """Unless somebody looks again."""

    async def story(stage: Stage) -> None:
        assert not stage.lanes.stuck
        stage.gate.shut["crm"] = math.inf
        stage.put(("a", 0))
        assert stage.lanes.stuck
        stage.put(("o", 0), ("p", 0), ("o1", 0))
        assert not stage.lanes.stuck
        await asyncio.sleep(2.0)
        assert len(stage.begun) == 3
        assert stage.lanes.stuck
        stage.gate.shut["crm"] = 5.0
        stage.lanes.kick()
        assert not stage.lanes.stuck

    play(story)


def popped(turns: Turns) -> list[Hashable]:
    """All that may begin, in order."""
    found = []
    while isinstance(one := turns.pop(), tuple):
        found.append(one[0])
    return found


def test_flows_take_turns_by_their_weight_and_connections_one_by_one() -> None:
    """A flow that is new has its weight from the start."""
    turns = Turns(lambda _: 0.0)
    for number in range(6):
        turns.push(Turn("crm", "heavy", 2), f"h{number}")
        turns.push(Turn("crm", "light", 1), f"l{number}")
    assert len(turns) == 12
    assert popped(turns) == ["h0", "h1", "l0", "h2", "h3", "l1", "h4", "h5", "l2", "l3", "l4", "l5"]
    assert len(turns) == 0
    assert turns.pop() == math.inf
    for connection in ("crm", "other"):
        for number in range(3):
            turns.push(Turn(connection, "f"), f"{connection}{number}")
    assert popped(turns) == ["crm0", "other0", "crm1", "other1", "crm2", "other2"]


def test_who_may_not_begin_says_when_the_soonest_is() -> None:
    """Of gates and of flows that are held; who is crowded waits for an end."""
    shut, held, crowded = {"crm": 5.0, "other": 3.0}, Guard(), set()
    turns = Turns(lambda name: shut.get(name, 0.0), held, crowded=lambda name, flow: (name, flow) in crowded)
    turns.push(Turn("crm", "f"), "a")
    turns.push(Turn("other", "g"), "b")
    assert turns.pop() == 3.0
    held.holds = {"f": 2.0, "g": 7.0}
    assert turns.pop() == 2.0
    shut.clear()
    held.holds = {"f": 4.0, "g": 7.0}
    assert turns.pop() == 4.0
    held.holds = {}
    crowded = {("crm", "f"), ("other", "g")}
    assert turns.pop() == math.inf
    turns.push(Turn("crm", "h"), "c")
    assert turns.pop() == ("c", "crm")
    assert held.began == ["h"]
    crowded.clear()
    assert turns.pop() == ("b", "other")
    assert turns.pop() == ("a", "crm")


def test_lanes_that_rest_leave_and_others_have_their_turn() -> None:
    """Whoever keeps them is told for how long; of a flow whose lanes all rest nothing begins."""
    rests, rested = {"a": 3.0, "b": 4.0, "d": 5.0}, []
    turns = Turns(
        lambda _: 0.0,
        rests=lambda lane: rests.get(str(lane), 0.0),
        rested=lambda lane, seconds: rested.append((lane, seconds)),
    )
    for flow, lane in (("f", "a"), ("f", "b"), ("f", "c"), ("g", "d"), ("h", "e")):
        turns.push(Turn("crm", flow), lane)
    assert popped(turns) == ["c", "e"]
    assert rested == [("a", 3.0), ("b", 4.0), ("d", 5.0)]
    assert len(turns) == 0


def test_lanes_that_are_doubted_come_last() -> None:
    """The first that is not, of a flow that is not held; if there is none, whose turn it is."""

    def doubted(lane: Hashable) -> bool:
        return str(lane).startswith("bad")

    held = Guard()
    turns = Turns(lambda _: 0.0, held, lambda _: doubted)
    for flow, lane in (("f", "bad1"), ("f", "bad2"), ("f", "good1"), ("g", "bad3"), ("g", "good2")):
        turns.push(Turn("crm", flow), lane)
    assert turns.waiting("crm", doubted) is True
    assert turns.waiting("crm", lambda _: True) is False
    assert turns.waiting("other", lambda _: False) is None
    held.holds["f"] = 1.0
    assert turns.pop() == ("good2", "crm")
    assert turns.waiting("crm", doubted) is False
    held.holds["g"] = 1.0
    assert turns.waiting("crm", lambda _: False) is None
    held.holds.clear()
    assert popped(turns) == ["good1", "bad3", "bad1", "bad2"]
    assert held.began == ["g", "f", "g", "f", "f"]


def test_what_is_forgotten_has_no_turn() -> None:
    """And the count is that of the rest."""
    turns = Turns(lambda _: 0.0)
    for connection, flow, lane in (("crm", "f", "a"), ("crm", "f", "b"), ("crm", "g", "c"), ("other", "f", "d")):
        turns.push(Turn(connection, flow), lane)
    turns.keep({"b", "x"})
    assert len(turns) == 1
    assert turns.pop() == ("b", "crm")
    assert turns.pop() == math.inf
