"""Lanes: order within, concurrency between, a bound over all, and nobody waits for somebody else's retry."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from services.actions.queue.lanes import Lanes
from services.actions.queue.turns import Turn

Job = tuple[str, int]


async def finished(lanes: Lanes[Job]) -> None:
    """Wait until nothing is pending."""
    async with asyncio.timeout(10):
        while lanes.pending:  # noqa: ASYNC110 - one turn of the loop after the other is what is wanted
            await asyncio.sleep(0)


def fail(job: Job, error: BaseException) -> None:
    """No bug is expected."""
    pytest.fail(f"{job}: {error!r}")


@settings(max_examples=60)
@given(
    jobs=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3), st.integers(0, 2)), max_size=40),
    bound=st.integers(1, 4),
)
def test_order_and_bound(jobs: list[tuple[str, int, int]], bound: int) -> None:
    """Each job: lane, turns of the loop that an attempt takes, failures before it succeeds."""

    async def story() -> None:
        log: dict[str, list[int]] = defaultdict(list)
        ended: dict[str, list[int]] = defaultdict(list)
        failures = {number: job[2] for number, job in enumerate(jobs)}
        at_work: set[str] = set()

        async def work(job: Job) -> float | None:
            lane, number = job
            assert lane not in at_work
            at_work.add(lane)
            assert len(at_work) <= bound
            log[lane].append(number)
            for _ in range(jobs[number][1]):
                await asyncio.sleep(0)
            at_work.remove(lane)
            if failures[number]:
                failures[number] -= 1
                return 0.0
            ended[lane].append(number)
            return None

        lanes = Lanes(work, bound, fail)
        for number, (lane, _, _) in enumerate(jobs):
            lanes.put(lane, (lane, number))
            if number % 3 == 0:
                await asyncio.sleep(0)
        await finished(lanes)
        for lane, numbers in log.items():
            assert numbers == sorted(numbers), lane
            assert ended[lane] == sorted(set(numbers))
        assert sum(len(numbers) for numbers in ended.values()) == len(jobs)
        assert (lanes.open, lanes.pending, lanes.stuck) == (0, 0, False)

    asyncio.run(story())


class ShutForAMoment:
    """A gate that says of each connection `ask again at once` before it lets one begin."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def take(self, connection: str) -> float:
        """Not at the first time."""
        if connection in self.asked:
            return 0.0
        self.asked.add(connection)
        return 1e-9

    def release(self, _connection: str) -> None:
        """Nothing is counted."""

    def doubts(self, _connection: str) -> None:
        """Any lane may begin."""


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_gate_that_opens_at_once_holds_up_nobody(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """On the loop of services too: uvloop gives no timer for what is due at once."""

    async def story() -> None:
        done: list[Job] = []

        async def work(job: Job) -> None:
            done.append(job)

        lanes = Lanes(work, 4, fail, turn=lambda job: Turn(f"c{job[1] % 3}", "flow"), gate=ShutForAMoment())
        jobs = [(lane, number) for number, lane in enumerate("abcdefghi")]
        for lane, number in jobs:
            lanes.put(lane, (lane, number))
        await finished(lanes)
        assert sorted(done) == jobs

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


async def test_a_waiting_job_holds_its_lane_and_nobody_else() -> None:
    """Even with a bound of one at work at a time."""
    done: list[Job] = []
    attempts = 0

    async def work(job: Job) -> float | None:
        nonlocal attempts
        if job == ("sick", 0):
            attempts += 1
            if attempts < 3:
                return 0.05
        done.append(job)
        return None

    lanes = Lanes(work, 1, fail)
    for number in range(2):
        lanes.put("sick", ("sick", number))
    for number in range(50):
        lanes.put("well", ("well", number))
    await finished(lanes)
    assert done == [*(("well", number) for number in range(50)), ("sick", 0), ("sick", 1)]


async def test_a_flows_jobs_are_counted_but_for_those_behind_a_waiting_one() -> None:
    """So a flow with failing contacts keeps its part of memory for the others."""
    go, counts = asyncio.Event(), []

    async def work(job: Job) -> float | None:
        if job == ("sick", 0) and not go.is_set():
            return 0.2
        await go.wait()
        return None

    lanes = Lanes(work, 2, fail, turn=lambda _: Turn("crm", "flow"))
    lanes.put("sick", ("sick", 0))
    lanes.put("sick", ("sick", 1))
    counts.append(lanes.awake_of("flow"))
    while lanes.awake_of("flow"):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.001)
    counts.append(lanes.awake_of("flow"))
    lanes.put("sick", ("sick", 2))
    lanes.put("well", ("well", 0))
    counts.append(lanes.awake_of("flow"))
    assert lanes.pending_of("flow") == 4
    go.set()
    await finished(lanes)
    assert [*counts, lanes.awake_of("flow")] == [2, 0, 1, 0]
    lanes.put("sick", ("sick", 0))
    go.clear()
    while lanes.awake_of("flow"):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.001)
    lanes.put("sick", ("sick", 1))
    assert (len(lanes.drop(lambda _: True)), lanes.awake_of("flow"), lanes.pending_of("flow")) == (2, 0, 0)


async def test_neither_a_flow_nor_a_connection_has_all_places() -> None:
    """Alone two thirds and four fifths; a call of another begins at once, and when calls end others have their turn."""
    go = asyncio.Event()
    at_work: Counter[str] = Counter()

    async def work(job: Job) -> float | None:
        at_work[job[0]] += 1
        await go.wait()
        return None

    turns = {"slow": Turn("crm", "slow"), "same": Turn("crm", "other"), "away": Turn("closum", "slow")}
    lanes = Lanes(work, 30, fail, turn=lambda job: turns[job[0]])
    for kind in turns:
        for number in range(40):
            lanes.put((kind, number), (kind, number))
        await asyncio.sleep(0)
    assert at_work["slow"] == 20
    assert 20 < at_work["slow"] + at_work["same"] <= 24
    assert at_work["away"] >= 3
    assert sum(at_work.values()) < 30
    go.set()
    await finished(lanes)
    assert set(at_work.values()) == {40}


async def test_dropping_leaves_what_is_at_work() -> None:
    """What is at work ends; what waits for its turn or for a retry is forgotten."""
    go = asyncio.Event()
    done: list[Job] = []

    async def work(job: Job) -> float | None:
        if job[0] == "asleep":
            return 1000.0
        await go.wait()
        done.append(job)
        return None

    lanes = Lanes(work, 2, fail)
    for lane in ("busy", "asleep", "kept"):
        for number in range(2):
            lanes.put(lane, (lane, number))
    await asyncio.sleep(0.01)
    assert len(lanes.drop(lambda job: job[0] != "kept")) == 3
    assert (lanes.pending, lanes.open) == (3, 2)
    assert not await lanes.settled(lambda job: job[0] == "busy", 0.01)
    go.set()
    assert await lanes.settled(lambda job: job[0] == "busy", 5)
    await finished(lanes)
    assert done == [("busy", 0), ("kept", 0), ("kept", 1)]


async def test_a_bug_is_handed_over_and_stops_its_lane() -> None:
    """The job counts as unfinished, so it is never committed; others go on."""
    bugs: list[Job] = []
    done: list[Job] = []

    async def work(job: Job) -> float | None:
        if job == ("a", 0):
            raise ZeroDivisionError
        done.append(job)
        return None

    lanes = Lanes(work, 2, lambda job, _: bugs.append(job))
    for job in (("a", 0), ("a", 1), ("b", 0)):
        lanes.put(job[0], job)
    await asyncio.sleep(0.01)
    assert (bugs, done, lanes.pending) == ([("a", 0)], [("b", 0)], 2)


async def test_closing_cancels_and_begins_nothing() -> None:
    """The end of the process: unfinished stays unfinished."""
    begun: list[Job] = []

    async def work(job: Job) -> float | None:
        begun.append(job)
        await asyncio.sleep(1000)
        return None

    lanes = Lanes(work, 1, fail)
    lanes.put("a", ("a", 0))
    lanes.put("b", ("b", 0))
    await asyncio.sleep(0)
    await lanes.close()
    assert (begun, lanes.pending, lanes.oldest_work_seconds()) == ([("a", 0)], 2, 0.0)


async def test_what_is_about_to_begin_is_at_work() -> None:
    """Its worker has not run yet: it is not dropped, and not shed, under its hands."""
    done: list[Job] = []

    async def work(job: Job) -> None:
        done.append(job)

    lanes = Lanes(work, 2, fail, turn=lambda _: Turn("crm", "flow"))
    for lane in "abc":
        lanes.put(lane, (lane, 0))
    assert len(lanes.drop(lambda _: True)) == 1
    lanes.put("d", ("d", 0))
    assert lanes.shed("crm", lambda _: False, 0) == [("d", 0)]
    await finished(lanes)
    assert done == [("a", 0), ("b", 0)]


async def test_lanes_of_a_connection_are_shed_but_for_some() -> None:
    """All that may not stay, of the others what is too much; each lane whole and in order."""

    async def work(_: Job) -> None:
        raise AssertionError

    lanes = Lanes(work, 1, fail, turn=lambda job: Turn("other" if job[0] == "o" else "crm", "flow"), gate=Shut())
    for job in (("a", 0), ("a", 1), ("b", 0), ("c", 0), ("c", 5), ("o", 0)):
        lanes.put(job[0], job)
    assert (lanes.pending_at("crm"), lanes.pending_at("other")) == (5, 1)
    assert lanes.shed("crm", lambda job: job[1] < 5, 1) == [("b", 0), ("c", 0), ("c", 5)]
    assert (lanes.pending_at("crm"), lanes.pending, lanes.holds("b")) == (2, 3, False)
    await lanes.close()


class Shut(ShutForAMoment):
    """A gate that lets nothing begin."""

    def take(self, connection: str) -> float:
        """Never."""
        del connection
        return 1000.0
