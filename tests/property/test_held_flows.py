"""A flow that is held loses nothing, keeps its contacts' order, and goes on by itself; other flows never wait."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis.stateful import run_state_machine_as_test

from contracts.events import Event
from contracts.topics import EVENTS, EVENTS_DLQ
from services.runtime import database, metrics
from services.runtime.flow_hold import LONGEST_PAUSE_SECONDS, FlowHold
from services.runtime.kafka import OutgoingRecord
from services.tools.folder_flows import FolderFlows
from services.tools.held.held_release import HeldRelease
from services.tools.held.held_table import Arriving, HeldRun, HeldTable, number_of
from tests.support import batches
from tests.support.held import PLACE, HeldFlows, MemoryHeld, Replica, machines
from tests.support.machines import World


def test_whatever_happens_all_goes_on_once_the_flow_is_mended(tmp_path: Path) -> None:
    """Bad deployments, rollbacks, senders' mistakes, replicas that die, in any order."""
    with asyncio.Runner() as one:

        class Machine(HeldFlows):
            folder = tmp_path
            runner = one

            def table(self) -> MemoryHeld:
                return MemoryHeld()

        run_state_machine_as_test(Machine, settings=machines(40))


def test_the_table_does_as_its_model(tmp_path: Path, own_database: str) -> None:
    """The same machine over PostgreSQL."""
    world = World(own_database)

    class Machine(HeldFlows):
        folder = tmp_path

        def run(self, work: Coroutine[Any, Any, Any]) -> Any:
            return world.run(work)

        def table(self) -> HeldTable:
            self.run(world.pool.execute("truncate held_runs"))
            return HeldTable(world.pool)

    run_state_machine_as_test(Machine, settings=machines(5))
    world.close()


async def test_an_honest_contact_behind_a_wave_of_bad_ones_waits_a_minute_at_most(tmp_path: Path) -> None:
    """A new version, and 200 forms in a row of which none has what its expression wants; then one that has it."""
    replica = Replica(tmp_path, MemoryHeld())
    replica.flows.deployment = "good"
    for number in range(200):
        replica.comes(_message(number, "none"))
    while replica.read < len(replica.kafka):
        await replica.take(50)
    assert replica.hold.holds("sick")
    await _until(replica, 600.0, lambda: False)
    replica.comes(_message(200, "7"))
    waited = await _until(replica, 600.0, lambda: bool(replica.begun("sick")))
    assert waited <= LONGEST_PAUSE_SECONDS + 1
    assert await _until(replica, 5.0, lambda: len(replica.dead()) == 200) < 5.0, (
        "it passed: the others are judged at once"
    )


def _message(number: int, text: str) -> Event:
    data: dict[str, Any] = {"message_id": "m", "from": "+351 912 345 678", "text": text, "contact": {}}
    return batches.event(number, id=str(number), subject=f"contact-{number}", data=data)


async def _until(replica: Replica, seconds: float, true: Callable[[], bool]) -> float:
    """What goes on by itself, for so long at most; how long it was."""
    begun = replica.now
    while replica.now - begun < seconds and not true():
        await replica.letting_go.turn()
        while replica.read < len(replica.kafka):
            await replica.take(50)
        replica.now += 0.5
    return replica.now - begun


@dataclass
class _Kept:
    """What was published, but for one event, with which publishing raises."""

    bad: str
    outputs: list[OutgoingRecord] = field(default_factory=list)

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        if any(one.topic is EVENTS and self.bad.encode() in (one.value or b"") for one in outputs):
            raise ValueError(self.bad)
        self.outputs += outputs


async def waiting(events: int) -> tuple[MemoryHeld, FlowHold]:
    """A table with runs of one flow, which is held by nobody's knowledge."""
    table = MemoryHeld()
    for number in range(events):
        event = batches.event(number, id=f"event-{number}")
        pair = (PLACE, "flow", "default", f"contact-{number}")
        await table.keep([HeldRun(uuid.uuid4(), pair, number, event.key, event.to_bytes(), None)], ())
    return table, FlowHold(3, gauge=metrics.FLOW_HELD)


class _Flows(FolderFlows):
    """One flow, in one version."""

    def current(self, name: str) -> str | None:
        return "1" if name == "flow" else None


async def test_what_cannot_go_back_is_a_dead_letter_and_holds_up_nobody() -> None:
    """Its row is over, the others go."""
    table, hold = await waiting(5)
    kept = _Kept("event-2")
    release = HeldRelease(table, hold, _Flows([]), kept, lambda: [PLACE])
    assert await release.turn() == 5
    gone = [Event.model_validate_json(one.value or b"").id for one in kept.outputs if one.topic is EVENTS]
    assert gone == ["event-0", "event-1", "event-3", "event-4"]
    (letter,) = [one for one in kept.outputs if one.topic is EVENTS_DLQ]
    assert b"event-2" in (letter.value or b"")
    assert [number for number, row in table.rows.items() if row.done] == [3]


async def test_a_replica_that_loses_partitions_forgets_what_they_told() -> None:
    """Another has their work: what this one knows would hold the flow here for ever, and say so."""
    table, hold = await waiting(2)
    for number in range(3):
        hold.failed("flow", "1", "0", "x", subject=str(number), began=0.0)
    places = [PLACE]
    release = HeldRelease(table, hold, _Flows([]), _Kept("none"), lambda: places)
    assert await release.turn() == 0
    assert hold.holds("flow")
    places.clear()
    await release.turn()
    assert not hold.holds("flow")


async def test_a_held_flow_without_work_is_let_go_by_another_version() -> None:
    """And one that is gone as well."""
    table, hold = await waiting(0)
    for name, version in (("flow", "0"), ("gone", "1")):
        for number in range(3):
            hold.failed(name, version, "0", "x", subject=str(number), began=0.0)
    assert hold.held_flows() == ["flow", "gone"]
    await HeldRelease(table, hold, _Flows([]), _Kept("none"), lambda: [PLACE]).turn()
    assert hold.held_flows() == []


async def test_what_came_first_goes_first_whichever_was_kept_first(own_database: str) -> None:
    """A record that is done again after a crash may be kept behind a later one of its contact."""
    pool = await database.connect(own_database, size=2)
    for table in (HeldTable(pool), MemoryHeld()):
        for came_at in (335, 35, 700):
            event = batches.event(came_at, id=f"event-{came_at}", subject="contact-35")
            pair = (PLACE, "flow", "default", "contact-35")
            await table.keep([HeldRun(uuid.uuid4(), pair, came_at, event.key, event.to_bytes(), None)], ())
        kept = _Kept("none")
        assert await table.release("flow", [PLACE], 0, kept.publish, newest=5) == 1
        assert await table.release("flow", [PLACE], 5, kept.publish) == 2
        gone = [Event.model_validate_json(one.value or b"").id for one in kept.outputs]
        assert gone == ["event-35", "event-335", "event-700"]
        numbers = [number for one in kept.outputs if (number := number_of((one.headers or [])[0][1])) is not None]
        assert numbers == [2, 1, 3]
        pair = (PLACE, "flow", "default", "contact-35")
        found = await table.found([Arriving(pair, "events/0/9")], [1])
        assert (found.first[pair].came_at, found.arrived[1].came_at) == (35, 335)
    await pool.close()


def test_a_header_that_is_none_of_ours_names_no_row() -> None:
    """It comes from anybody."""
    assert number_of(b"held/12/3") == 12
    for other in (None, b"", b"held/", b"held/x/1", b"held/-1/1", b"held/" + b"9" * 30, b"events.dlq/0/12", b"\xff"):
        assert number_of(other) is None
