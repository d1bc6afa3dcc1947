"""What is taken from Kafka goes into memory, is read ahead, or goes where its lane waits: no flow fills it all.

A campaign's thousands would hold up all that lies behind them in their partition: see docs/delivery.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from contracts.topics import ACTIONS
from services.actions import metrics as actions_metrics
from services.actions.attempt.plan import Call, Plan, broken
from services.actions.queue import flow_faults
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.queue.lanes import Lanes
from services.actions.queue.outline import outline
from services.actions.queue.pace import Pace
from services.actions.queue.parking import Parking
from services.actions.queue.read_ahead import ReadAhead
from services.runtime import metrics
from services.runtime.flow_hold import FlowHold
from services.runtime.kafka import ConsumedRecord, offset_gaps

# A flow may have in memory so many times what is free there: so it never fills it, nor do many together.
# A. Choudhury, E. Hahne: Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998.
CROWD = 0.5
# A flow with more work than this waits in PostgreSQL, so that Kafka's offsets go on.
CROWD_SECONDS = 60.0
# So many at once go from there into memory: few enough not to hold up the calls at work.
REFILL = 50
# So many at once are on their way into PostgreSQL.
SPILLING = 500
# So many requests for an ill connection stay in memory, to try it with; more wait in PostgreSQL.
KEPT = 64
# Of memory's room, the part up to which it takes in what was parked.
PARKED_PART = 0.75
RESUME_AT = 0.9


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one worker. See the settings of these names."""

    max_pending: int
    read_ahead_bytes: int
    call_seconds: float


class Intake:
    """`plan` reads a record. `ill`: where nothing is called but to try it."""

    def __init__(
        self,
        bounds: Bounds,
        plan: Callable[[ConsumedRecord], Plan],
        lanes: Lanes[Job],
        parking: Parking,
        hold: FlowHold,
        *,
        ill: Callable[[], Collection[str]],
    ) -> None:
        self._ill = ill
        self.longest_call = bounds.call_seconds
        self._bounds = bounds
        self._plan = plan
        self._lanes = lanes
        self._parking = parking
        self._hold = hold
        self._ahead = ReadAhead(bounds.read_ahead_bytes)
        self._pace = Pace()

    @property
    def full(self) -> bool:
        """Whether nothing more is to be taken."""
        held = max(self._lanes.pending, self._parking.entering)
        return held >= self._bounds.max_pending or self._parking.full or self._ahead.full

    @property
    def has_room(self) -> bool:
        """Whether as much is free that more is to be taken again."""
        return max(self._lanes.pending, self._parking.entering) <= self._bounds.max_pending * RESUME_AT

    @property
    def room_for_parked(self) -> int:
        """How many requests that were parked may come into memory."""
        return math.ceil(self._bounds.max_pending * PARKED_PART) - self._lanes.pending

    def take(self, assignment: Assignment, records: Sequence[ConsumedRecord]) -> None:
        """Records of a partition, in order."""
        for record in records:
            assignment.offsets.take(record.offset)
            if offset_gaps.empty(record.value) or self._parking.has_loaded(record.offset, assignment):
                assignment.offsets.finish(record.offset)
                continue
            self._guarded(self._take_one, record, assignment)
        metrics.CONSUMED.labels(ACTIONS.name).inc(len(records))

    def refill(self) -> None:
        """What was read ahead goes into memory when its flow has room there, of a slow flow into PostgreSQL."""
        for flow in list(self._ahead.flows):
            slow = self._slow(flow)
            for _ in range(REFILL):
                full = self._parking.entering >= SPILLING if slow else self._has_its_part(flow)
                if full or not self._ahead.waiting_of(flow):
                    break
                self._guarded(partial(self._take_in, spill=slow), *self._ahead.take(flow))

    def late(self, wall: float) -> list[Job]:
        """What was read ahead and is past its deadline at a moment: each is to be ended, out of its turn."""
        return [Job(self._planned(record), assignment) for record, assignment in self._ahead.late(wall)]

    def _planned(self, record: ConsumedRecord) -> Plan:
        """As `plan`; what nobody foresaw is the dead letter of its record."""
        try:
            return self._plan(record)
        except Exception as error:  # noqa: BLE001 - told as a bug where it ends
            return broken(record, error)

    def finished(self, flow: str) -> None:
        """One of its requests came to its end."""
        self._pace.finished(flow)

    def measure(self, seconds: float) -> None:
        """So many seconds passed."""
        self._pace.tick(seconds, self._ahead.flows)

    def drop(self, assignment: Assignment | None = None) -> int:
        """Forget what was read ahead under an assignment, or all; how many they were."""
        return self._ahead.drop(None if assignment is None else (assignment,))

    def show(self) -> None:
        """As a metric."""
        actions_metrics.READ_AHEAD.set(self._ahead.records)

    def _guarded(
        self, take: Callable[[ConsumedRecord, Assignment], None], record: ConsumedRecord, assignment: Assignment
    ) -> None:
        """What nobody foresaw is the dead letter of its record."""
        try:
            take(record, assignment)
        except Exception as error:  # noqa: BLE001 - told as a bug where it becomes a job
            job = Job(broken(record, error), assignment)
            self._lanes.put(job.lane, job)

    def _take_one(self, record: ConsumedRecord, assignment: Assignment) -> None:
        about = outline(record)
        if about is None:
            self._take_in(record, assignment)
            return
        ahead, here = self._ahead.holds(about.lane), self._ends_here(about.lane, assignment)
        shut = self._shelved(about.lane[2])
        if not (ahead or here) and self._parking.takes_unread(record, assignment, about, shut=shut):
            return
        if ahead or (self._has_its_part(about.flow) and (here or not shut)):
            self._ahead.add(about, record, assignment)
        else:
            self._take_in(record, assignment)

    def _take_in(self, record: ConsumedRecord, assignment: Assignment, *, spill: bool = False) -> None:
        """Into memory, or to where its lane waits; `spill`: to PostgreSQL, unless its lane is in memory."""
        job = Job(self._plan(record), assignment)
        if job.plan.request is not None:
            flow_faults.came(self._hold, job.plan.request)
        call = job.plan.call
        if isinstance(call, Call) and call.seconds is not None:
            self.longest_call = max(self.longest_call, call.seconds)
        if not self._ends_here(job.lane, assignment) and self._parking.takes(
            job, shut=self._shelved(job.turn.connection)
        ):
            return
        if spill and not self._lanes.holds(job.lane):
            self._parking.spill(job)
        else:
            self._lanes.put(job.lane, job)

    def _ends_here(self, lane: Hashable, assignment: Assignment) -> bool:
        """Whether the newest of a lane so far came into memory straight from Kafka: then the next one comes behind it.

        In PostgreSQL a new owner of the partition would find it first. Not while the lane goes there as a whole.
        """
        newest = self._lanes.newest(lane)
        return newest is not None and newest.parked is None and not self._parking.waits(lane, assignment)

    def _shelved(self, connection: str) -> bool:
        """Whether what comes for a connection waits in PostgreSQL."""
        return self._lanes.pending_at(connection) >= KEPT and connection in self._ill()

    def _has_its_part(self, flow: str) -> bool:
        """Of memory. What waits behind failing calls counts less, and for ill connections not: others are not to."""
        most, lanes = self._bounds.max_pending, self._lanes
        ill = sum(map(lanes.pending_at, self._ill()))
        return (
            lanes.awake_of(flow) - ill >= (most - lanes.pending) * CROWD or lanes.pending_of(flow) - ill >= most * CROWD
        )

    def _slow(self, flow: str) -> bool:
        """Whether all that waits of a flow is the work of a long time."""
        waiting = self._lanes.pending_of(flow) + self._ahead.waiting_of(flow)
        return waiting > CROWD_SECONDS * self._pace.of(flow)
