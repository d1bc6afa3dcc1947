"""What is past its deadline is taken out of PostgreSQL once, whoever looks for it at the same time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from contracts.topics import ACTIONS as TOPIC
from services.actions.attempt.plan import Planner
from services.actions.connections import Connection
from services.actions.journal.journal import Journal
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.queue.parked_rows import ParkedRows
from services.actions.queue.parking import Parking
from services.actions.registry import ACTIONS
from services.actions.world import World
from services.runtime.kafka import ConsumedRecord
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.faults import Faults
from tests.support.world.tables import FakeEffects, FakeParked

TOPIC_NAME = "t.actions"


class Slow(Faults):
    """Loading takes a second."""

    async def after(self, what: str) -> None:
        """It was read, and is on its way."""
        await asyncio.sleep(1.0 if what == "parked.load" else 0.0)


def test_a_late_row_that_is_being_loaded_is_taken_once() -> None:
    """And its lane is due again when that has ended."""

    async def story() -> None:
        running = asyncio.get_running_loop()
        world = World(now=running.time, wall=running.time)
        made = request(1, deadline=datetime.fromtimestamp(running.time() - 1, UTC))
        planner = Planner(ACTIONS, {"crm": Connection("crm", "http://crm.example")})
        parking = Parking(
            ParkedRows(FakeParked(world, Slow()), lambda: None),
            planner.plan,
            park_seconds=5,
            most=100,
            most_bytes=1_000_000,
            news=asyncio.Event(),
            world=world,
        )
        journal = Journal(FakeEffects(world), "me", lambda: None, world=world)
        assignment = Assignment(cast("Any", (TOPIC_NAME, 0)), journal.enter(f"{TOPIC_NAME}/0"))
        await parking.enter(assignment)
        record = ConsumedRecord(TOPIC, TOPIC_NAME, 0, 0, made.key, made.to_bytes(), [])
        assignment.offsets.take(0)
        await parking.park(Job(planner.plan(record), assignment), [], 0.0)
        await asyncio.sleep(0.1)
        assert parking.due
        loading = asyncio.create_task(parking.load())
        await asyncio.sleep(0.5)
        (late,) = await parking.late(world.wall())
        assert await loading == []
        await parking.finished(late)
        await asyncio.sleep(0.01)
        assert parking.due
        assert await parking.load() == []
        await parking.close()
        await journal.close()

    loop.run(story)
