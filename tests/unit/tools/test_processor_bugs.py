"""The last guard: whatever a record raises, wherever, it is a dead letter, and its neighbours have their work done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import Outcome, Run, RunMessage
from contracts.topics import ACTIONS, EVENTS, EVENTS_DLQ, HISTORY, RUNS, RUNS_DLQ, Topic
from services.flows.state.claims import ClaimKey as Need
from services.flows.sync import changed
from services.runtime.kafka import MessageTooLargeError, OutgoingRecord, history
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools import batch_processor
from services.tools.batch_processor import BatchProcessor
from services.tools.event_reading import event_of
from services.tools.folder_flows import FolderFlows
from services.tools.run_jobs import RunJob, begun
from tests.support import batches

BAD = "bad-one"
COUNT = 40


def is_bad(value: object) -> bool:
    """Whether it is of the bad record."""
    return BAD in (shown := repr(value)) or "/0/17'" in shown


def bugs(topic: Topic) -> float:
    """How many are counted."""
    return REGISTRY.get_sample_value("flows_bugs_total", {"topic": topic.name}) or 0.0


def raises(real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """In place of a function of the processor's world: it raises when the bad record is among what it is given."""

    def instead(*given: Any, **more: Any) -> Any:
        if is_bad(given):
            raise error
        return real(*given, **more)

    return instead


@pytest.fixture(autouse=True)
def told() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as logs:
        yield logs


class World(batches.Published):
    """A processor, and what it publishes."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.flows = FolderFlows(batches.compiled(folder, batches.PHONE))
        self.claims, self.timers = batches.MemoryClaims(), batches.MemoryTimers()
        self.died: list[DeadRunMark] = []
        self.claim: Any = self.claims.noted

    async def mark(self, dead: Sequence[DeadRunMark]) -> None:
        """Note them."""
        self.died += dead

    def processor(self) -> BatchProcessor:
        """Made last: what is set before is used."""
        return BatchProcessor(self.flows, self.claim, self, self.timers, died=self.mark)

    def letters(self, topic: Topic) -> list[DeadLetter]:
        """Dead letters of a topic."""
        return [DeadLetter.from_headers(one.headers or []) for one in self.outputs if one.topic is topic]


ERRORS = [ValueError("nobody foresaw it"), asyncpg.DataError("invalid input"), OSError("of a library"), KeyError(BAD)]


def event_stages(world: World, patch: pytest.MonkeyPatch, error: Exception) -> dict[str, Callable[[], object]]:
    """Where the handling of an event can raise."""
    return {
        "reading": lambda: patch.setattr(batch_processor, "event_of", raises(event_of, error)),
        "claiming": lambda: setattr(world, "claim", raises(world.claim, error)),
        "choosing flows": lambda: patch.setattr(batch_processor, "_meant", raises(batch_processor._meant, error)),
        "judging changes": lambda: patch.setattr(batch_processor, "changed", raises(changed, error)),
        "ending waits": lambda: patch.setattr(world.timers, "ended_by", raises(world.timers.ended_by, error)),
        "beginning": lambda: patch.setattr(batch_processor, "begun", raises(begun, error)),
        "asking": lambda: patch.setattr(RunJob, "step", raises(RunJob.step, error)),
        "publishing": lambda: patch.setattr(world, "publish", raises(world.publish, error)),
    }


STAGES = (
    "reading",
    "claiming",
    "choosing flows",
    "judging changes",
    "ending waits",
    "beginning",
    "asking",
    "publishing",
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("stage", STAGES)
async def test_an_event_that_raises_is_dead_and_the_others_go_on(
    stage: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    """Its letter is acknowledged before the batch is; it counts as a bug, and as one that came to nothing."""
    world = World(tmp_path)
    if stage == "publishing":  # its requests cannot be published, its letter can
        real = world.publish

        async def publish(outputs: Sequence[OutgoingRecord]) -> None:
            if any(one.topic is ACTIONS and BAD.encode() in (one.value or b"") for one in outputs):
                raise error
            await real(outputs)

        world.publish = publish  # type: ignore[method-assign]
    else:
        event_stages(world, monkeypatch, error)[stage]()
    counted = bugs(EVENTS)
    events = [batches.event(number, id=BAD if number == 17 else f"good-{number}") for number in range(COUNT)]
    await world.processor().events(batches.records(*events))
    (letter,) = world.letters(EVENTS_DLQ)
    assert (letter.code, letter.offset, letter.cause.split(":")[0]) == (ErrorCode.BUG, 17, type(error).__name__)
    asked = {one["run"]["event"]["id"] for one in world.to(ACTIONS)}
    assert asked == {f"good-{number}" for number in range(COUNT) if number != 17}
    (end,) = [one for one in world.to(HISTORY) if one["outcome"] == Outcome.DEAD.value]
    assert (end["event_id"], end["code"]) == (BAD, "bug")
    assert bugs(EVENTS) == counted + 1
    assert [one["exc_info"] for one in told if one["event"] == "record.broke"] == [error]


@pytest.mark.parametrize("stage", ["reading", "fetching", "first", "step", "deaths", "publishing"])
async def test_a_run_that_raises_is_dead_and_the_others_go_on(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its end is that of its run, so that the accounts add up."""
    world = World(tmp_path)
    (flow,) = world.flows.for_trigger(batches.TRIGGER, "")
    error = RuntimeError("nobody foresaw it")
    match stage:
        case "reading":
            monkeypatch.setattr(RunMessage, "read", raises(RunMessage.read, error))
        case "fetching":
            monkeypatch.setattr(world.flows, "version", raises(world.flows.version, error), raising=False)
        case "first":
            monkeypatch.setattr(world.timers, "first", raises(world.timers.first, error))
        case "step":
            monkeypatch.setattr(RunJob, "step", raises(RunJob.step, error))
        case "deaths":
            monkeypatch.setattr(history, "end_of_run", raises(history.end_of_run, error))
        case _:
            real = world.publish

            async def publish(outputs: Sequence[OutgoingRecord]) -> None:
                if any(one.topic is ACTIONS and BAD.encode() in (one.value or b"") for one in outputs):
                    raise MessageTooLargeError("more than the topic takes")
                await real(outputs)

            world.publish = publish  # type: ignore[method-assign]
    records = []
    for number in range(COUNT):
        name = BAD if number == 17 else f"good-{number}"
        run = Run(
            id=name,
            flow=flow.name if stage != "fetching" or number != 17 else BAD,
            version=flow.version,
            event=batches.event(number, id=name),
            key="k",
            at="nowhere" if stage == "deaths" and number == 17 else "",
        )
        records.append(batches.record(RunMessage(run=run).to_bytes(), number, topic=RUNS))
    if stage == "first":
        wake = {"timer": BAD, "due": "2026-01-01T00:00:00Z"}
        value = {**orjson.loads(records[17].value or b""), "wake": wake}
        records[17] = batches.record(orjson.dumps(value), 17, topic=RUNS)
    await world.processor().runs(records)
    letter = world.letters(RUNS_DLQ)[-1]
    assert letter.offset == 17
    assert letter.code is (ErrorCode.MESSAGE_TOO_LARGE if stage == "publishing" else ErrorCode.BUG)
    asked = {one["run"]["event"]["id"] for one in world.to(ACTIONS)}
    assert asked == {f"good-{number}" for number in range(COUNT) if number != 17}
    if stage not in ("reading", "deaths"):
        (end,) = [one for one in world.to(HISTORY) if one["outcome"] == Outcome.DEAD.value]
        assert (letter.run_id, end["run_id"]) == (BAD, BAD)
        assert [death.run_id for death in world.died] == [BAD]


async def test_without_a_letter_nothing_is_finished(tmp_path: Path) -> None:
    """An exception must not acknowledge an event: what called gets it, and commits nothing."""

    class Closed(World):
        async def publish(self, _outputs: Sequence[OutgoingRecord]) -> None:
            raise RuntimeError("no letter either")

    with pytest.raises(RuntimeError, match="no letter either"):
        await Closed(tmp_path).processor().events(batches.records(batches.event(1)))


async def test_one_need_that_cannot_be_settled_is_no_other_runs_fault(tmp_path: Path) -> None:
    """Of a whole batch that asks at once, the one that PostgreSQL cannot hold dies."""
    flow = f"""
flow: once
description: Each once.
on: {batches.TRIGGER}
steps:
  - id: once
    tool: deduplicate
    with: {{ key: "${{ trigger.text }}", within: 1d }}
"""

    async def answer(asks: Sequence[Any]) -> list[object]:
        if is_bad(asks):
            raise asyncpg.DataError("invalid input")
        return [{"first": True}] * len(asks)

    made, published = batches.processor(batches.compiled(tmp_path, flow), answer={Need: answer})
    events = [
        batches.event(number, data={"from": "+351912345678", "text": BAD if number == 3 else str(number)})
        for number in range(9)
    ]
    await made.events(batches.records(*events))
    dead = [one["event_id"] for one in published.to(HISTORY) if one["outcome"] == "dead" and one["code"] == "bug"]
    assert "3" in dead
    assert published.to(EVENTS_DLQ) != []
