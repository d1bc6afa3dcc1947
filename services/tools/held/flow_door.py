"""Which new runs of a batch may begin, and which wait for their flow; and what ends of runs say of flows.

A run waits when its flow is held, unless it is one of the few that try it, and when an earlier one of the same subject
waits. Other flows of the same event begin. Evidence against a flow is what a run of it died of by an expression; what a
tool or an input says is of the values of one event (`services.runtime.flow_hold` says how much evidence holds a flow).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.dead_letters import REDRIVEN
from contracts.errors import ErrorCode
from contracts.events import Event
from services.flows.compiled import CompiledFlow
from services.runtime import database
from services.runtime.flow_hold import FlowHold
from services.runtime.kafka import ConsumedRecord
from services.tools.held.held_table import (
    ArrivedRow,
    Arriving,
    FirstRow,
    Found,
    HeldRun,
    HeldRuns,
    Pair,
    number_of,
    pair_of,
    place_of,
    round_of,
)
from services.tools.run_jobs import RunJob

FLOW_FAULTS = frozenset({ErrorCode.EXPRESSION_FAILED})


@dataclass(slots=True)
class Admission:
    """The new runs of one batch: each is asked for once, in order."""

    found: Found = field(default_factory=Found)
    """What waits already, but for the rows whose records this batch brings."""
    calm: bool = False
    """Nothing waits here: whoever's flow is not held may begin, without a look at whose order it keeps."""
    began: float = 0.0
    coming: Mapping[Pair, dict[int, int]] = field(default_factory=dict)
    """The latter that were not asked for yet, by number, each with the offset at which it came first.

    What came later goes behind them; what came earlier is done again, and does not.
    """
    keep: list[HeldRun] = field(default_factory=list)
    again: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    """Rows whose records this batch brought, and that wait no longer."""
    pairs: set[Pair] = field(default_factory=set)
    """Of whom a run of this batch waits."""


class Door(Protocol):
    """`FlowDoor` is one. None of its methods raises for a part that is away: they wait."""

    async def open(self, records: Sequence[tuple[ConsumedRecord, Event, Sequence[CompiledFlow]]]) -> Admission:
        """Before the new runs of a batch: what waits already."""
        ...

    def admits(self, admission: Admission, record: ConsumedRecord, event: Event, flow: CompiledFlow) -> bool:
        """Whether this one may begin; else it waits."""
        ...

    async def kept(self, admission: Admission) -> None:
        """What waits is written. Before the batch is published."""
        ...

    async def closed(self, admission: Admission, jobs: Sequence[RunJob]) -> None:
        """The batch is published: its records are done, and its ends count."""
        ...


class OpenDoor:
    """Nobody waits, and nothing is told."""

    async def open(self, records: Sequence[tuple[ConsumedRecord, Event, Sequence[CompiledFlow]]]) -> Admission:
        """Nothing waits."""
        del records
        return Admission()

    def admits(self, admission: Admission, record: ConsumedRecord, event: Event, flow: CompiledFlow) -> bool:
        """Yes."""
        del admission, record, event, flow
        return True

    async def kept(self, admission: Admission) -> None:
        """Nothing."""

    async def closed(self, admission: Admission, jobs: Sequence[RunJob]) -> None:
        """Nothing."""


class FlowDoor:
    """The door of one replica: it knows the ends of its own partitions.

    `on_wait` is called while PostgreSQL is away.
    """

    def __init__(self, table: HeldRuns, hold: FlowHold, on_wait: Callable[[], object] = lambda: None) -> None:
        self._table = table
        self._hold = hold
        self._on_wait = on_wait

    async def open(self, records: Sequence[tuple[ConsumedRecord, Event, Sequence[CompiledFlow]]]) -> Admission:
        """Before the new runs of a batch: what waits already."""
        if records and not await self._waiting(records):
            return Admission(began=self._hold.now(), calm=True)
        own = {number for record, *_ in records if (number := _number(record)) is not None}
        arriving = [
            Arriving(pair_of(record, flow.name, event), record.position)
            for record, event, flows in records
            for flow in flows
        ]
        found = Found()
        if arriving:
            found = await database.patiently("held.found", lambda: self._table.found(arriving, own), self._on_wait)
        coming: defaultdict[Pair, dict[int, int]] = defaultdict(dict)
        for record, event, flows in records:
            if (number := _number(record)) is not None:
                came_at = found.arrived[number].came_at if number in found.arrived else 0
                for flow in flows:
                    coming[pair_of(record, flow.name, event)][number] = came_at
        over = {number for record, _, flows in records if not flows and (number := _number(record)) is not None}
        return Admission(found, began=self._hold.now(), coming=coming, gone=over)

    def admits(self, admission: Admission, record: ConsumedRecord, event: Event, flow: CompiledFlow) -> bool:
        """Whether this one may begin; else it waits, behind those of its subject that came before it."""
        self._hold.runs(flow.name, flow.version)
        if admission.calm and not admission.pairs and not self._hold.holds(flow.name):
            return True
        one, number = Arriving(pair_of(record, flow.name, event), record.position), _number(record)
        pair = one.pair
        if admission.found.known and one.id in admission.found.known:
            return False  # its record is done again, and it was kept before: by now it waits, or is done
        coming = admission.coming.get(pair, {})
        if number is not None and _was_done(admission.found, number, record):
            coming.pop(number, None)
            return False  # this record is done again, and its run was kept on: a later one begins it
        earlier = admission.found.first.get(pair)
        if number is None:
            # What waits and came later was kept after this one had begun: its record is done again.
            behind = earlier is not None and earlier.came_at < record.offset
            behind = behind or any(came_at < record.offset for came_at in coming.values())
        else:
            coming.pop(number, None)
            behind = earlier is not None and _came_first(earlier, number, admission.found.arrived.get(number))
        behind = behind or pair in admission.pairs
        if not behind and self._hold.held(flow.name, event.subject) <= 0:
            self._hold.took(flow.name, event.subject)
            if number is not None:
                admission.gone.add(number)
            return True
        admission.pairs.add(pair)
        if number is None:
            admission.keep.append(HeldRun(one.id, pair, record.offset, event.key, event.to_bytes(), event.occurrence))
        else:
            admission.again.add(number)
        return False

    async def _waiting(self, records: Sequence[tuple[ConsumedRecord, Event, Sequence[CompiledFlow]]]) -> bool:
        places = sorted({place_of(record.name, record.partition) for record, *_ in records})
        return await database.patiently("held.any", lambda: self._table.any(places), self._on_wait)

    async def kept(self, admission: Admission) -> None:
        """What waits is written. Before the batch is published."""
        if admission.keep or admission.again:
            await database.patiently(
                "held.keep", lambda: self._table.keep(admission.keep, admission.again), self._on_wait
            )

    async def closed(self, admission: Admission, jobs: Sequence[RunJob]) -> None:
        """The batch is published: its records are done, and its ends count."""
        for job in jobs:
            self._told(job, admission.began)
        if admission.gone:
            await database.patiently("held.gone", lambda: self._table.gone(admission.gone), self._on_wait)

    def _told(self, job: RunJob, began: float) -> None:
        flow, version, died = job.flow.name, job.flow.version, job.died_at
        if died is not None and died.code in FLOW_FAULTS:
            self._hold.failed(flow, version, died.step, died.code.value, subject=job.run.event.subject, began=began)
        self._hold.passed(flow, version, _passed(job))


def _passed(job: RunJob) -> Collection[str]:
    """The steps that it came past."""
    return job.passed if job.died_at is None else job.passed - {job.died_at.step}


def _came_first(earlier: FirstRow, number: int, row: ArrivedRow | None) -> bool:
    return earlier.number < number if row is None else earlier.came_at < row.came_at


def _was_done(found: Found, number: int, record: ConsumedRecord) -> bool:
    return number in found.arrived and found.arrived[number].rounds > round_of(_redriven(record))


def _number(record: ConsumedRecord) -> int | None:
    return number_of(_redriven(record))


def _redriven(record: ConsumedRecord) -> bytes | None:
    return next((value for name, value in record.headers if name == REDRIVEN), None)
