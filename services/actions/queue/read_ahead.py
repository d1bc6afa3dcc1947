"""What was read ahead: records of flows that have their part of memory already, kept as they came.

So that what other flows want is seen, though it lies behind thousands of theirs in the same partition. Pure accounting.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence

from services.actions.queue.assignment import Assignment
from services.actions.queue.outline import Lane, Outline
from services.runtime.kafka import ConsumedRecord

Taken = tuple[ConsumedRecord, Assignment]
# What a record takes beside its bytes: measured, 650 with a lane of its own, 360 in a lane of eight.
OBJECTS_BYTES = 650


class ReadAhead:
    """A lane is in one flow's queue with all its records, those of other flows too: so its order stays."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._flows: dict[str, OrderedDict[Lane, list[Taken]]] = {}
        self._flow_of: dict[Lane, str] = {}
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._deadlines: dict[tuple[str, int, int], float] = {}  # by coordinates
        self._soonest = math.inf  # none of them is before this moment

    @property
    def full(self) -> bool:
        """Whether the bound is passed."""
        return self._bytes > self._most_bytes

    @property
    def records(self) -> int:
        """How many are kept."""
        return self._counts.total()

    @property
    def flows(self) -> Collection[str]:
        """Those with records."""
        return self._flows

    def waiting_of(self, flow: str) -> int:
        """How many a flow's queue has."""
        return self._counts[flow]

    def holds(self, lane: Lane) -> bool:
        """Whether records of it are kept: later ones must come behind them."""
        return lane in self._flow_of

    def add(self, outline: Outline, record: ConsumedRecord, assignment: Assignment) -> None:
        """Keep a record, behind all others of its lane."""
        flow = self._flow_of.setdefault(outline.lane, outline.flow)
        self._flows.setdefault(flow, OrderedDict()).setdefault(outline.lane, []).append((record, assignment))
        if outline.deadline is not None:
            self._deadlines[record.coordinates] = outline.deadline
            self._soonest = min(self._soonest, outline.deadline)
        self._counts[flow] += 1
        self._bytes += _bytes(record)

    def take(self, flow: str) -> Taken:
        """Take out the first record of a flow's first lane; the lane's others come behind all other lanes.

        So that what is in memory is of many lanes, and is worked on at the same time.
        """
        lanes = self._flows[flow]
        lane, records = next(iter(lanes.items()))
        taken = records.pop(0)
        self._less(flow, (taken,))
        if records:
            lanes.move_to_end(lane)
        else:
            self._tidy(flow, lane)
        return taken

    def late(self, wall: float) -> list[Taken]:
        """Take out those whose deadline is over at a moment, in seconds since 1970, out of their turn."""
        if wall < self._soonest:
            return []
        late = self._remove(lambda one: self._deadlines.get(one[0].coordinates, math.inf) <= wall)
        self._soonest = min(self._deadlines.values(), default=math.inf)
        return late

    def drop(self, assignments: Collection[Assignment] | None = None) -> int:
        """Forget the records of these assignments, or all; how many they were."""
        return len(self._remove(lambda one: assignments is None or one[1] in assignments))

    def _remove(self, unwanted: Callable[[Taken], bool]) -> list[Taken]:
        removed = []
        for flow, lanes in list(self._flows.items()):
            for lane, records in list(lanes.items()):
                kept: list[Taken] = []
                gone: list[Taken] = []
                for one in records:
                    (gone if unwanted(one) else kept).append(one)
                self._less(flow, gone)
                removed += gone
                lanes[lane] = kept
                if not kept:
                    self._tidy(flow, lane)
        return removed

    def _less(self, flow: str, records: Sequence[Taken]) -> None:
        self._counts[flow] -= len(records)
        self._bytes -= sum(_bytes(record) for record, _ in records)
        for record, _ in records:
            self._deadlines.pop(record.coordinates, None)

    def _tidy(self, flow: str, lane: Lane) -> None:
        del self._flow_of[lane], self._flows[flow][lane]
        if not self._flows[flow]:
            del self._flows[flow], self._counts[flow]


def _bytes(record: ConsumedRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return OBJECTS_BYTES + len(record.key or b"") + len(record.value or b"") + headers
