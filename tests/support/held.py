"""A replica with flows that can be held, as a machine: Kafka is a list, time is the test's, the table is any."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contracts.events import Event
from contracts.topics import ACTIONS, EVENTS, EVENTS_DLQ
from services.flows.compile import CompiledFlow
from services.runtime import metrics
from services.runtime.flow_hold import LONGEST_PAUSE_SECONDS, FlowHold
from services.runtime.kafka import ConsumedRecord, OutgoingRecord
from services.tools.batch_processor import BatchProcessor
from services.tools.folder_flows import FolderFlows
from services.tools.held.flow_door import FlowDoor
from services.tools.held.held_release import HeldRelease
from services.tools.held.held_table import (
    ArrivedRow,
    Arriving,
    FirstRow,
    Found,
    HeldRun,
    HeldRuns,
    Pair,
    PublishBatch,
    place_of,
    released,
)
from tests.support import batches

SUBJECTS = 4
FLOW = """
flow: {name}
on: closum.whatsapp.message_received
steps:
  - set: {{ number: "${{ {number} }}" }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ n: "${{ number }}" }} }}
"""
WELL = FLOW.format(name="well", number='trigger.text == \\"x\\" ? 1 : 2')
SICK = FLOW.format(name="sick", number="dyn(trigger).misspelled")
MENDED = FLOW.format(name="sick", number="int(trigger.text)")
PLACE = place_of(EVENTS.under("test."), 0)


@dataclass
class _Row:
    """As the table has it."""

    number: int
    run: HeldRun
    rounds: int = 0
    released: bool = False
    done: bool = False


class MemoryHeld:
    """The table without a database, as the model of the one with it."""

    def __init__(self) -> None:
        self.rows: dict[int, _Row] = {}
        self._last = 0

    def _waiting(self, places: Collection[str], flow: str | None = None) -> list[_Row]:
        own = [row for row in self.rows.values() if not row.done and row.run.pair[0] in places]
        own.sort(key=lambda row: (row.run.came_at, row.number))
        return [row for row in own if flow is None or row.run.pair[1] == flow]

    async def any(self, places: Sequence[str]) -> bool:
        """Whether there is a row of one of these places."""
        return any(row.run.pair[0] in places for row in self.rows.values())

    async def found(self, arriving: Sequence[Arriving], without: Collection[int]) -> Found:
        """What is there of these that arrive."""
        first: dict[Pair, FirstRow] = {}
        pairs = {one.pair for one in arriving}
        for number, row in self.rows.items():
            if row.run.pair in pairs and number not in without and not row.done:
                known = first.setdefault(row.run.pair, FirstRow(number, row.run.came_at))
                first[row.run.pair] = known._replace(came_at=min(known.came_at, row.run.came_at))
        ids = {row.run.id for row in self.rows.values()}
        arrived = {
            number: ArrivedRow(self.rows[number].rounds, self.rows[number].run.came_at)
            for number in without
            if number in self.rows
        }
        return Found(first, frozenset(one.id for one in arriving if one.id in ids), arrived)

    async def keep(self, runs: Sequence[HeldRun], again: Collection[int]) -> None:
        """These wait from now on; the rows `again` go on waiting."""
        known = {row.run.id for row in self.rows.values()}
        for run in runs:
            if run.id not in known:
                self._last += 1
                self.rows[self._last] = _Row(self._last, run)
        for number in again:
            self.rows[number].released &= self.rows[number].done

    async def gone(self, numbers: Collection[int]) -> None:
        """The records of these rows are done."""
        for number in numbers:
            self.rows[number].done = True

    async def flows(self, places: Collection[str]) -> list[str]:
        """Those that have rows in these places."""
        return sorted({row.run.pair[1] for row in self._waiting(places)})

    async def count(self, flow: str, places: Collection[str]) -> int:
        """How many of a flow wait in these places."""
        return len(self._waiting(places, flow))

    async def under_way(self, places: Collection[str]) -> int:
        """Rows whose record was put on the topic and is not done."""
        return sum(row.released for row in self._waiting(places))

    async def release(
        self, flow: str, places: Collection[str], most: int, publish: PublishBatch, *, newest: int = 0
    ) -> int:
        """Put the first of these places back on `events`, in their order; answer how many."""
        rows = self._waiting(places, flow)
        first: dict[Pair, _Row] = {}
        for row in rows:
            first.setdefault(row.run.pair, row)
        chosen = [row for row in rows if not row.released][:most]
        chosen += [row for row in reversed(first.values()) if not row.released and row not in chosen][:newest]
        chosen.sort(key=lambda row: (row.run.came_at, row.number))
        for row in chosen:
            row.rounds, row.released = row.rounds + 1, True
        await publish(
            [released(flow, row.number, row.rounds, (row.run.key, row.run.event, row.run.occurrence)) for row in chosen]
        )
        return len(chosen)


def compiled(folder: Path, *texts: str) -> FolderFlows:
    """These flows, and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return FolderFlows(batches.compiled(folder, *texts))


class Replica:
    """One replica of services/tools over one partition of `events`, which is a list here."""

    def __init__(self, folder: Path, table: HeldRuns) -> None:
        self.sets = {name: compiled(folder, *texts) for name, texts in SETS.items()}
        self.table = table
        self.now = 0.0
        self.kafka: list[ConsumedRecord] = []
        self.outputs: list[OutgoingRecord] = []
        self.read = self.committed = 0
        self.claims = batches.MemoryClaims()
        self.timers = batches.MemoryTimers()
        self.flows = Deployed(self.sets)
        self.start()

    def start(self) -> None:
        """Anew: what it knew of its flows is forgotten, what was not committed is read again."""
        self.read = self.committed
        self.hold = FlowHold(SUBJECTS, gauge=metrics.FLOW_HELD, clock=lambda: self.now)
        self.processor = BatchProcessor(
            self.flows, self.claims.noted, self, self.timers, door=FlowDoor(self.table, self.hold)
        )
        self.letting_go = HeldRelease(self.table, self.hold, self.flows, self, lambda: [PLACE])

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """What is for `events` is there; the rest is kept."""
        for output in outputs:
            if output.topic is EVENTS:
                self.put(output)
            else:
                self.outputs.append(output)

    def put(self, output: OutgoingRecord) -> None:
        """At the end of the topic."""
        headers = list(output.headers or ())
        place = len(self.kafka)
        self.kafka.append(ConsumedRecord(EVENTS, EVENTS.under("test."), 0, place, output.key, output.value, headers))

    def comes(self, event: Event) -> None:
        """A sender's event."""
        self.put(OutgoingRecord(EVENTS, event.key, event.to_bytes()))

    async def take(self, most: int) -> None:
        """The next batch."""
        batch = self.kafka[self.read : self.read + most]
        if batch:
            await self.processor.events(batch)
            self.read += len(batch)

    def begun(self, flow: str) -> list[tuple[str, int]]:
        """The runs of a flow that asked for their call, in order, each once: (subject, number)."""
        found: dict[str, tuple[str, int]] = {}
        for request in batches.requests(self.outputs, ACTIONS):
            run = request["run"]
            if run["flow"] == flow:
                found.setdefault(run["event"]["id"], (run["event"]["subject"], int(run["event"]["id"])))
        return list(found.values())

    def dead(self) -> set[int]:
        """The numbers of the events that have a dead letter."""
        letters = [one for one in self.outputs if one.topic is EVENTS_DLQ]
        return {int(Event.model_validate_json(one.value or b"").id) for one in letters}


class Deployed:
    """Flows that can be deployed anew. A record that is done again begins what it began before."""

    def __init__(self, sets: Mapping[str, FolderFlows]) -> None:
        self._sets = sets
        self.deployment = "bad"

    def for_trigger(self, type_: str, deployment: str) -> tuple[CompiledFlow, ...]:
        """Of the set that the record began."""
        return self._sets[deployment].for_trigger(type_)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sets[self.deployment], name)


def machines(examples: int) -> settings:
    """How often it is tried. A failing example is not made smaller, which takes minutes; how to repeat it is told."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    return settings(max_examples=examples, stateful_step_count=30, phases=phases)


SETS = {"bad": (SICK, WELL), "good": (MENDED, WELL)}
CONTACTS = st.integers(0, 8)


class HeldFlows(RuleBasedStateMachine):
    """Events start a sick flow and a well one. Whatever happens, in the end the sick one is mended."""

    folder: Path
    runner: asyncio.Runner

    @abstractmethod
    def table(self) -> HeldRuns:
        """An empty one."""

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Its result."""
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        """Nothing waits."""
        self.replica = Replica(self.folder, self.table())
        self.sent = 0
        self.come(list(range(SUBJECTS)), bad=False)
        self.take(SUBJECTS)
        assert self.replica.hold.holds("sick")

    @rule(contacts=st.lists(CONTACTS, min_size=1, max_size=12), bad=st.booleans())
    def come(self, contacts: list[int], bad: bool) -> None:  # noqa: FBT001 - as drawn
        """Events; of bad ones the sender gives no number, where the mended flow wants one."""
        for contact in contacts:
            self.sent += 1
            data: dict[str, Any] = {
                "message_id": "m",
                "from": "+351 912 345 678",
                "text": "none" if bad else "7",
                "contact": {},
            }
            self.replica.comes(batches.event(self.sent, id=str(self.sent), subject=f"contact-{contact}", data=data))

    @rule(most=st.integers(1, 20))
    def take(self, most: int) -> None:
        """A batch. The well flow's runs of it begin, whatever is held."""
        before = self.replica.read
        self.run(self.replica.take(most))
        new = {
            int(Event.model_validate_json(record.value or b"").id)
            for record in self.replica.kafka[before : self.replica.read]
        }
        assert new <= {number for _, number in self.replica.begun("well")}

    @rule()
    def commit(self) -> None:
        """What was read is not read again."""
        self.replica.committed = self.replica.read

    @rule()
    def die(self) -> None:
        """And start again."""
        self.replica.start()

    @rule()
    def let_go(self) -> None:
        """What may."""
        self.run(self.replica.letting_go.turn())

    @rule(seconds=st.sampled_from([0.5, 1.0, 10.0, 100.0]))
    def passes(self, seconds: float) -> None:
        """Time."""
        self.replica.now += seconds

    @rule(which=st.sampled_from(sorted(SETS)))
    def deploy(self, which: str) -> None:
        """One of them."""
        self.replica.flows.deployment = which

    def teardown(self) -> None:
        """Mended: all goes on without a hand, each run once, each contact's in order."""
        if not hasattr(self, "replica"):
            return
        replica = self.replica
        replica.flows.deployment = "good"
        for _ in range(40):
            while replica.read < len(replica.kafka):
                self.run(self.replica.take(50))
            self.run(replica.letting_go.turn())
            replica.now += LONGEST_PAUSE_SECONDS
        assert replica.read == len(replica.kafka)
        assert self.run(replica.table.flows([PLACE])) == []
        begun = replica.begun("sick")
        dead = replica.dead()
        assert len(begun) + len(dead) >= self.sent
        for contact in {subject for subject, _ in begun}:
            # What died, and did not when it was done again after a crash, has lost its place.
            numbers = [number for subject, number in begun if subject == contact and number not in dead]
            assert numbers == sorted(numbers)
        assert len(replica.begun("well")) == self.sent
