"""A worker over fakes, on made time: order, retries, parking, rebalances and crashes, in milliseconds."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime

from contracts.actions import ActionRequest, Retry
from contracts.errors import ErrorCode
from contracts.runs import Outcome
from contracts.topics import ACTIONS as TOPIC
from services.actions.attempt.attempts import Attempts
from services.actions.attempt.ends import Ends
from services.actions.attempt.plan import Planner
from services.actions.attempt.states import Later, Waiting
from services.actions.journal.effects import Fenced, Go, Held, Key, Settle, State, WasDone
from services.actions.journal.journal import Journal
from services.actions.limits.limits import Limits
from services.actions.registry import ACTIONS
from services.flows.catalogue import Guarantee
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.publishing import BatchPublisher
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.destination import Asked, Destination, Says
from tests.support.world.faults import Faults
from tests.support.world.kafka import FakeProducer
from tests.support.world.worker import PLACES, Simulation


def some(lanes: int, each: int, **more: object) -> list[ActionRequest]:
    """So many requests of so many contacts, in turns. Their number is `n` in the body."""
    return [request(number, f"+3519100{number % lanes:05d}", last=True, **more) for number in range(lanes * each)]


def by_lane(destination: Destination) -> dict[str, list[int]]:
    """What had its effect, by contact."""
    seen: dict[str, list[int]] = defaultdict(list)
    for one in destination.acted:
        seen[one.body["phone"]].append(one.body["n"])
    return seen


def test_all_are_called_in_order_and_committed() -> None:
    """Forty contacts, five requests each."""

    async def story() -> None:
        world = Simulation()
        one = await world.start()
        world.put(some(40, 5))
        await world.until(lambda: len(world.ends()) == 200)
        await one.end()
        assert set(world.outcomes().values()) == {Outcome.DELIVERED}
        assert all(numbers == sorted(numbers) for numbers in by_lane(world.destination).values())
        assert world.left() == 0
        assert world.destination.most_at_once == 40

    loop.run(story)


def test_a_lane_that_waits_long_is_parked_and_holds_up_nobody() -> None:
    """Its schedule says five minutes; what comes meanwhile waits behind it, through a restart."""
    sick = "+351910000000"
    ill = True

    def says(asked: Asked) -> Says:
        return Says(status=500 if ill and asked.body["phone"] == sick else 200)

    async def story() -> None:
        nonlocal ill
        ill = True
        world = Simulation(destination=Destination(says))
        one = await world.start()
        world.put(some(20, 3, retry=Retry(schedule_seconds=[300] * 3)))
        await world.until(lambda: len(world.ends()) == 57, 5)
        await world.until(lambda: len(world.parked.rows) == 3, 5)
        await one.end()
        assert world.left() == 0
        ill = False
        two = await world.start()
        await asyncio.sleep(250)
        assert len(world.ends()) == 57
        await world.until(lambda: len(world.ends()) == 60, 100)
        await two.end()
        assert by_lane(world.destination)[sick] == [0, 20, 40]
        assert world.parked.rows == {}

    loop.run(story)


def test_a_crash_loses_nothing_and_doubles_nothing_that_must_not_be() -> None:
    """At most once: what was under way is unknown, all else is done once, by the next worker."""
    body = {"method": "POST", "url": "/contacts", "repeat": "never"}

    async def story() -> None:
        world = Simulation()
        world.destination.says = lambda _: Says(seconds=1.0)
        first = await world.start()
        sent = [
            one.model_copy(update={"inputs": {**body, "json": {"phone": one.run.key, "n": one.run.event.data["n"]}}})
            for one in some(30, 4)
        ]
        world.put(sent)
        await asyncio.sleep(2.5)
        await first.crash()
        second = await world.start()
        await world.until(lambda: len(world.outcomes()) == 120)
        await second.end()
        outcomes = list(world.outcomes().values())
        assert set(outcomes) == {Outcome.DELIVERED, Outcome.UNKNOWN}
        assert outcomes.count(Outcome.UNKNOWN) == len(world.unknowns.open) == 30
        numbers = [one.body["n"] for one in world.destination.acted]
        assert len(numbers) == len(set(numbers)) == 120

    loop.run(story)


def test_partitions_move_and_everything_is_done_once() -> None:
    """From one worker to two, and back."""

    async def story() -> None:
        world = Simulation()
        first = await world.start()
        second = await world.start([])
        world.put(some(50, 10))
        for _ in range(3):
            await asyncio.sleep(0.05)
            await first.kafka.assign(PLACES[:2])
            await second.kafka.assign(PLACES[2:])
            await asyncio.sleep(0.05)
            await second.kafka.assign([])
            await first.kafka.assign(PLACES)
        await world.until(lambda: len(world.outcomes()) == 500)
        await first.end()
        await second.end()
        assert all(numbers == sorted(numbers) for numbers in by_lane(world.destination).values())
        assert len(world.destination.acted) == 500
        assert world.left() == 0

    loop.run(story)


def test_failed_attempts_and_the_last_call_are_told() -> None:
    """On `history`: each attempt that another one follows, and with the end what the run ended with."""

    async def story() -> None:
        world = Simulation()
        world.destination.says = lambda _: Says(500 if len(world.destination.asked) < 2 else 200, {"id": 7})
        one = await world.start()
        world.put(some(1, 1))
        await world.until(lambda: len(world.ends()) == 1)
        await one.end()
        assert [(told.attempt, told.free, told.code) for told in world.attempts] == [
            (1, False, ErrorCode.DESTINATION_FAILED),
            (2, False, ErrorCode.DESTINATION_FAILED),
        ]
        assert all(told.next_seconds is not None and "HTTP 500" in told.cause for told in world.attempts)
        last = world.ends()[0].last_call
        assert last is not None
        assert (last.action, last.connection, last.attempts) == ("http.request", "crm", 3)
        assert last.outputs is not None
        assert last.outputs["json"] == {"id": 7}

    loop.run(story)


def test_nothing_is_begun_of_a_partition_that_is_being_given_up() -> None:
    """A parked lane that is due meanwhile waits for the next owner: what is under way then could be cut off."""
    hangs, waits = "+351910000001", "+351910000002"

    def says(asked: Asked) -> Says:
        if asked.body["phone"] == hangs:
            return Says(seconds=14.0)
        return Says(503, headers={"retry-after": "6"}) if len(worlds[0].destination.asked) < 2 else Says()

    async def story() -> None:
        worlds.append(world := Simulation(destination=Destination(says)))
        one = await world.start()
        world.put([request(1, hangs, last=True), request(2, waits, last=True)])
        await world.until(lambda: len(world.parked.rows) == 1)
        await one.kafka.assign(PLACES)  # once the call that hangs has ended
        again = world.world.now()
        await world.until(lambda: len(world.ends()) == 2)
        await one.end()
        assert [asked.at > again for asked in world.destination.asked] == [False, False, True]

    worlds: list[Simulation] = []
    loop.run(story)


def test_an_effect_given_up_under_way_is_free_for_who_goes_on_with_it() -> None:
    """That can be the same worker, which has the partition again before its call has ended: it goes on from its end."""

    async def story() -> None:
        world = Simulation()
        journal = Journal(world.effects, "me", lambda: None, world=world.world)
        before, effect = journal.enter("t/0"), Key("default", "one")
        assert isinstance(await journal.begin(before, effect, Guarantee.REPEATABLE, 1), Go)
        journal.leave(before)
        now = journal.enter("t/0")
        assert isinstance(await journal.begin(now, effect, Guarantee.REPEATABLE, 1), Held)
        assert not await journal.settle(before, effect, lambda epoch: Settle(effect, epoch, State.DONE))
        assert isinstance(await journal.begin(now, effect, Guarantee.REPEATABLE, 1), WasDone)
        await journal.close()

    loop.run(story)


def test_what_may_be_sent_too_late_is_not_and_is_free_for_who_goes_on_with_it() -> None:
    """The journal's yes comes when PostgreSQL is back, and the partition was given up by then: nothing leaves."""

    class Away(Faults):
        """For so long."""

        async def before(self, what: str) -> None:
            """Nothing was done yet."""
            early = asyncio.get_running_loop().time() < 1_005
            await asyncio.sleep(30.0 if early and what == "effects.write" else 0.0)

    async def story() -> None:
        world = Simulation(faults=Away())
        journal = Journal(world.effects, "me", lambda: None, world=world.world)
        before, effect = journal.enter("t/0"), Key("default", "one")
        asked = asyncio.create_task(journal.begin(before, effect, Guarantee.AT_MOST_ONCE, 1))
        await asyncio.sleep(10.0)
        journal.leave(before)
        assert isinstance(await asked, Fenced)
        now = journal.enter("t/0")
        assert isinstance(await journal.begin(now, effect, Guarantee.AT_MOST_ONCE, 1), Go)
        await journal.close()

    loop.run(story)


def test_what_is_held_elsewhere_grows_no_younger() -> None:
    """However often it is asked for in vain: `within` counts from its first attempt."""

    async def story() -> None:
        world = Simulation()
        made = request(1, last=True)
        plan = Planner(ACTIONS, world.connections).plan(
            ConsumedRecord(TOPIC, "t.actions", 0, 0, b"", made.to_bytes(), [])
        )
        assert isinstance(world.destination, Destination)
        journal = Journal(world.effects, "me", lambda: None, world=world.world)
        limits = Limits(world.limits, world.connections, "t", most=1, news=asyncio.Event(), world=world.world)
        attempts = Attempts(
            world.destination,
            journal,
            limits,
            Ends(BatchPublisher(FakeProducer(world.broker)), world.unknowns),
            call_seconds=5.0,
            verify_seconds=5.0,
            world=world.world,
        )
        elsewhere, here = journal.enter("t/1"), journal.enter("t/0")
        await journal.begin(elsewhere, plan.effect, Guarantee.REPEATABLE, 0)
        waiting = Waiting(1, world.world.now() - 20.0, still=world.world.now() - 10.0)
        for _ in range(3):
            came = await attempts.make(plan, waiting, here)
            assert isinstance(came, Later)
            assert came.state == waiting
        await journal.close()

    loop.run(story)


def test_a_call_that_did_not_happen_and_is_too_late_by_now_is_filtered() -> None:
    """Its worker was killed under it. The next one asks the destination first, and then has no time left for it."""
    inputs = {
        "method": "POST",
        "url": "/contacts",
        "json": {"n": 1},
        "repeat": "never",
        "verify": {"url": "/check"},
    }

    def says(asked: Asked) -> Says:
        return Says(404) if asked.url.endswith("/check") else Says(seconds=9.0, acts=False)

    async def story() -> None:
        world = Simulation(destination=Destination(says))
        one = await world.start()
        deadline = datetime.fromtimestamp(world.world.wall() + 5.0, UTC)
        world.put([request(1, last=True, inputs=inputs, deadline=deadline)])
        await asyncio.sleep(1.0)
        await one.crash()
        await asyncio.sleep(10.0)
        two = await world.start()
        await world.until(lambda: len(world.ends()) == 1, 60)
        await two.end()
        assert list(world.outcomes().values()) == [Outcome.FILTERED]
        assert len([asked for asked in world.destination.asked if asked.method == "POST"]) == 1

    loop.run(story)
