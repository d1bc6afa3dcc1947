"""What becomes of runs that wait: set once, ended once, by their time or by an event, and never both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from contracts.events import Event
from contracts.runs import EndedBy, RunMessage, Wake
from contracts.topics import ACTIONS, HISTORY, RUNS, RUNS_DLQ
from services.runtime.kafka import ConsumedRecord
from services.tools.timers import timer
from tests.support import batches

WAIT = batches.ONE_CALL.replace(
    "steps:",
    'steps:\n  - wait: 2h\n    cancel_on: { trigger: closum.whatsapp.message_received, key: "${ trigger.from }" }',
)
LEAD = WAIT.replace(f"on: {batches.TRIGGER}", "on: closum.lead.created").replace(
    "trigger.from", "trigger.mobile_number"
)
CAME = datetime(2026, 5, 31, 12, tzinfo=UTC)


def came(number: int, *, after: float = 0, **changes: object) -> Event:
    """A message of one contact, accepted so many seconds after noon."""
    fields = {
        "subject": "351912345678",
        "accepted": CAME + timedelta(seconds=after),
        "data": {"from": "+351 912345678"},
    }
    return batches.event(number, **{**fields, **changes})


class World:
    """A processor, its timers, and what is on its way on `runs`."""

    def __init__(self, folder: Path, *texts: str) -> None:
        self.timers = batches.MemoryTimers()
        self.processor, self.published = batches.processor(batches.compiled(folder, *texts), timers=self.timers)
        self.offset = 0

    async def events(self, *events: Event) -> None:
        """Take events, each in a place of its own."""
        for event in events:
            self.offset += 1
            await self.processor.events([batches.record(event.to_bytes(), self.offset, key=event.key)])

    def fire(self) -> list[ConsumedRecord]:
        """Records that end all waits whose row is there, by time."""
        return [
            self.woken(timer.record(one.key, one.body, Wake(timer=one.id, due=one.due)).value or b"")
            for one in self.timers.pending.values()
        ]

    def woken(self, value: bytes) -> ConsumedRecord:
        """A record on `runs`, in a place of its own."""
        self.offset += 1
        return batches.record(value, self.offset, topic=RUNS)

    def on_runs(self) -> list[ConsumedRecord]:
        """What was published to `runs`."""
        return [self.woken(output.value or b"") for output in self.published.outputs if output.topic is RUNS]


async def test_a_run_that_waits_leaves_a_timer_and_no_record(tmp_path: Path) -> None:
    world = World(tmp_path, WAIT)
    before = datetime.now(UTC)
    await world.events(came(1))
    (set_,) = world.timers.pending.values()
    assert before + timedelta(hours=2) <= set_.due <= datetime.now(UTC) + timedelta(hours=2)
    assert world.published.outputs == []


async def test_the_same_event_again_leaves_the_timer_as_it_is(tmp_path: Path) -> None:
    """A batch that is done again after a crash asks for a later moment; the first one counts."""
    world = World(tmp_path, WAIT)
    record = batches.record(came(1).to_bytes(), 5)
    await world.processor.events([record])
    (first,) = world.timers.pending.values()
    await world.processor.events([record])
    assert list(world.timers.pending.values()) == [first]


async def test_a_wait_that_fires_twice_goes_on_once(tmp_path: Path) -> None:
    """A second record is dropped; a replay of the first is not: its batch may have been lost with its process."""
    world = World(tmp_path, WAIT)
    await world.events(came(1))
    (one,), (two,) = world.fire(), world.fire()
    await world.processor.runs([one])
    await world.processor.runs([two])
    assert len(world.published.to(ACTIONS)) == 1
    await world.processor.runs([one])
    assert [request["effect_id"] for request in world.published.to(ACTIONS)] == [
        world.published.to(ACTIONS)[0]["effect_id"]
    ] * 2


async def test_a_later_event_with_the_key_ends_the_wait(tmp_path: Path) -> None:
    """The row is gone when that is acknowledged, and the run ends as filtered with the reason."""
    world = World(tmp_path, LEAD)
    lead = came(1, type="closum.lead.created", data={"mobile_number": "00351912345678"}, subject="lead-1")
    await world.events(lead, came(2, after=1))
    assert world.timers.pending == {}
    assert [output.key for output in world.published.outputs if output.topic is RUNS] == [lead.key]
    await world.processor.runs(world.on_runs())
    ends = {end["reason"]: end["outcome"] for end in world.published.to(HISTORY)}
    assert ends == {"it ended a wait": "filtered", f"{batches.TRIGGER} came: event '2'": "filtered"}
    assert world.published.to(ACTIONS) == []


async def test_an_event_that_ends_a_wait_can_begin_one(tmp_path: Path) -> None:
    """Each message ends the wait of the one before: the last is answered."""
    world = World(tmp_path, WAIT)
    await world.events(*(came(number, after=number) for number in range(1, 4)))
    assert len(world.timers.pending) == 1
    await world.processor.runs([*world.on_runs(), *world.fire()])
    (request,) = world.published.to(ACTIONS)
    assert request["run"]["event"]["id"] == "3"
    assert [end["outcome"] for end in world.published.to(HISTORY)] == ["filtered"] * 2


@pytest.mark.parametrize(
    "changes", [{"subject": "351912345679"}, {"account": "other"}, {"type": "closum.lead.created"}]
)
async def test_another_key_account_or_trigger_ends_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    world = World(tmp_path, LEAD)
    lead = came(1, type="closum.lead.created", data={"mobile_number": "+351912345678"}, subject="lead-1")
    await world.events(lead)
    pending = dict(world.timers.pending)
    await world.events(came(2, after=1, **changes, data={"mobile_number": "1"}))
    assert pending.items() <= world.timers.pending.items()


async def test_an_event_ends_no_wait_that_it_began_and_none_of_a_later_event(tmp_path: Path) -> None:
    """So a batch that is done again does what it did: its events come before the waits that it had set."""
    world = World(tmp_path, WAIT)
    batch = batches.records(came(1, after=1), came(2, after=2))
    await world.processor.events(batch)
    assert len(world.timers.pending) == 2
    await world.events(came(3, after=0))
    assert len(world.timers.pending) == 3
    assert world.on_runs() == []


async def test_of_time_and_event_the_first_record_counts(tmp_path: Path) -> None:
    for number, turned in enumerate((False, True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = World(folder, LEAD)
        await world.events(came(1, type="closum.lead.created", data={"mobile_number": "+351912345678"}))
        fired = world.fire()
        await world.events(came(2, after=1))
        both = [*fired, *world.on_runs()]
        await world.processor.runs(both[::-1] if turned else both)
        assert len(world.published.to(ACTIONS)) == (0 if turned else 1)


async def test_a_person_ends_a_wait(tmp_path: Path) -> None:
    world = World(tmp_path, WAIT)
    await world.events(came(1))
    (one,) = world.timers.pending.values()
    wake = Wake(timer=one.id, due=one.due, by=EndedBy.HAND, why="cancelled by hand: test")
    await world.processor.runs([world.woken(timer.record(one.key, one.body, wake).value or b"")])
    (end,) = world.published.to(HISTORY)
    assert (end["outcome"], end["reason"]) == ("filtered", "cancelled by hand: test")


async def test_a_run_that_is_too_large_to_come_back_is_dead_before_it_waits(tmp_path: Path) -> None:
    world = World(tmp_path, WAIT)
    await world.events(came(1, data={"from": "+351912345678", "text": "x" * timer.MOST_RUN_BYTES}))
    assert world.timers.pending == {}
    assert world.published.ends() == [("dead", "message_too_large")]


async def test_a_version_that_is_not_loaded_any_more_is_dead_with_its_remedy(tmp_path: Path) -> None:
    world = World(tmp_path, WAIT)
    await world.events(came(1))
    other, published = batches.processor(batches.compiled(_folder(tmp_path), batches.ONE_CALL))
    (record,) = world.fire()
    await other.runs([record])
    assert published.outputs[0].topic is RUNS_DLQ
    assert published.ends() == [("dead", "flow_unknown")]


def _folder(path: Path) -> Path:
    (path / "other").mkdir()
    return path / "other"


def test_the_record_that_ends_a_wait_is_a_run_message() -> None:
    """Its run is passed on byte by byte."""
    run = batches.event(1).to_bytes()
    wake = Wake(timer=UUID(int=5).hex, due=CAME, why='ç"\\')
    output = timer.record(b"k", b'{"id":"r","flow":"f","version":"v","key":"k","event":%b}' % run, wake)
    message = RunMessage.model_validate_json(output.value or b"")
    assert message.wake == wake
    assert message.run.event.to_bytes() == run


READ = batches.ONE_CALL.replace(
    "steps:",
    """steps:
  - wait: 2h
    cancel_on:
      - { trigger: closum.lead.created, key: "${ trigger.from }" }
      - { trigger: closum.whatsapp.message_received, key: "${ trigger.from }", as: reply, then: continue }""",
)


async def test_a_flow_reads_the_event_that_ended_its_wait(tmp_path: Path) -> None:
    """It comes along on `runs`, once; an event that the flow does not read does not."""
    world = World(tmp_path, READ)
    await world.events(came(1))
    said = came(2, after=60, data={"from": "+351 912345678", "text": "yes"})
    await world.events(said)
    (woken, *_) = [RunMessage.read(one.value) for one in world.on_runs()]
    assert woken.wake is not None
    assert (woken.wake.by, woken.wake.event) == (EndedBy.EVENT, said)
    await world.processor.runs(world.on_runs()[:1])
    (act,) = [output for output in world.published.outputs if output.topic is ACTIONS]
    assert b'"reply":{' in (act.value or b"")


async def test_an_event_too_large_to_come_along_ends_the_run_as_dead(tmp_path: Path) -> None:
    """It does not fit beside the run: a dead letter says which name it is missed by, and nothing stops."""
    world = World(tmp_path, READ)
    await world.events(came(1, data={"from": "+351 912345678", "text": "x" * 500_000}))
    await world.events(came(2, after=60, data={"from": "+351 912345678", "text": "y" * 500_000}))
    records = world.on_runs()
    assert RunMessage.read(records[0].value).wake.event is None  # type: ignore[union-attr]
    await world.processor.runs(records[:1])
    letters = [output for output in world.published.outputs if output.topic is RUNS_DLQ]
    assert len(letters) == 1
