"""A topic whose records all die is held, tried, and let go; what is held is neither lost nor acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.topics import ACTIONS, EVENTS, EVENTS_DLQ, RUNS
from services.runtime.death_hold import PAUSE_SECONDS, TRIALS, DeathHold
from services.runtime.kafka import ConsumedRecord
from services.tools import metrics, topic_hold
from services.tools.topic_hold import LONGEST_SECONDS, TopicHeldError, TopicHold
from tests.support import batches

FAILS = f"""
flow: fails
on: {batches.TRIGGER}
steps:
  - stop: ${{ string(int(trigger.text)) }}
"""


class World:
    """A clock that a waiting brake moves on, and what was taken by when."""

    def __init__(self, row: int = 10) -> None:
        self.now = 0.0
        self.well = False
        self.taken: list[tuple[float, int]] = []
        guard = DeathHold(
            row,
            0.8,
            kind="topic",
            gauge=metrics.TOPIC_HELD,
            longest_seconds=LONGEST_SECONDS,
            clock=lambda: self.now,
        )
        self.brake = TopicHold(EVENTS, self.handle, guard, self.wait)

    def wait(self) -> None:
        """A second passes."""
        self.now += 1

    async def handle(self, records: Sequence[ConsumedRecord]) -> list[bool]:
        """All are dead until the world is well."""
        self.taken.append((self.now, len(records)))
        return [not self.well] * len(records)


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_hold, "LOOK_SECONDS", 0.0)


def records(count: int) -> list[ConsumedRecord]:
    """So many."""
    return [ConsumedRecord(EVENTS, "t.events", 0, number, b"", b"", []) for number in range(count)]


async def test_a_topic_that_only_dies_is_held_and_tried() -> None:
    """A batch is the most that dies at first; then five after each pause, which grows to a minute."""
    world = World()
    await world.brake.take(records(50))
    with pytest.raises(TopicHeldError):
        await world.brake.healthy()
    waiting = asyncio.create_task(world.brake.take(records(500)))
    while len(world.taken) < 4:  # noqa: ASYNC110 - the clock is the test's own
        await asyncio.sleep(0)
    assert world.taken == [(0, 50), (PAUSE_SECONDS, TRIALS), (90, TRIALS), (150, TRIALS)]
    assert not waiting.done()
    world.well = True
    await waiting
    # The next five live; the rest comes in one go.
    assert world.taken[4:] == [(210, TRIALS), (210, 500 - 4 * TRIALS)]
    await world.brake.healthy()


async def test_a_guard_that_is_switched_off_holds_nothing() -> None:
    """The way to let all die that waits."""
    world = World(row=0)
    for _ in range(5):
        await world.brake.take(records(200))
    assert world.now == 0
    await world.brake.healthy()


async def test_an_event_of_which_one_run_lives_is_alive(tmp_path: Path) -> None:
    """Of two flows one fails: no wrong deploy. An event whose only run fails is dead. A sender's fault is no sign."""
    (tmp_path / "one").mkdir()
    (tmp_path / "both").mkdir()
    taken = [*batches.records(batches.event(1)), batches.record(b"[]", 7)]
    one, published = batches.processor(batches.compiled(tmp_path / "one", FAILS))
    assert await one.events(taken) == [True, False]
    assert len(published.to(EVENTS_DLQ)) == 2
    both, published = batches.processor(batches.compiled(tmp_path / "both", FAILS, batches.PHONE))
    assert await both.events(taken) == [False, False]
    assert len(published.to(EVENTS_DLQ)) == 2


async def test_a_run_that_cannot_go_on_is_dead_and_one_that_does_is_not(tmp_path: Path) -> None:
    """An unreadable record, an unknown version, an answer that ends the flow well."""
    processor, published = batches.processor(batches.compiled(tmp_path, batches.TWO_CALLS))
    await processor.events(batches.records(batches.event(1)))
    (request,) = published.to(ACTIONS)
    lost = {**request, "run": {**request["run"], "version": "of-old"}}
    well = batches.reply(request, outputs={"status": 200, "headers": {}, "json": None, "text": ""})
    given = [replace(well, offset=1), replace(batches.reply(lost), offset=2), batches.record(b"[]", 3, topic=RUNS)]
    assert await processor.runs(given) == [False, True, True]
