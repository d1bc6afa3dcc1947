"""What memory knows of what waits in PostgreSQL: a shelf for a connection, and each lane that waits by itself."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from services.actions.queue.assignment import Assignment


class Shelf:
    """What of one partition waits for one connection. `read`: up to this offset.

    `landed`: the first that came into the table while it was read, and may be missing in what was read.
    """

    __slots__ = ("added", "adding", "landed", "read")

    def __init__(self) -> None:
        self.read = -1
        self.landed = math.inf
        self.adding = 0
        self.added = 0


class Reading:
    """What of one partition moved while rows of it were read: what was read then says nothing of that."""

    __slots__ = ("_first", "_gone", "_on_their_way")

    def __init__(self, on_their_way: Iterable[tuple[str, int]]) -> None:
        self._on_their_way: set[tuple[str, int]] = set()
        self._first: dict[str, int] = {}
        self._gone: set[int] = set()
        for lane, offset in on_their_way:
            self.begins(lane, offset)

    def begins(self, lane: str, offset: int) -> None:
        """It is on its way into the table."""
        self._on_their_way.add((lane, offset))
        self._first[lane] = min(offset, self._first.get(lane, offset))

    def ends(self, offset: int) -> None:
        """It came to its end, and its row is gone."""
        self._gone.add(offset)

    def still(self, lane: str) -> bool:
        """Whether nothing of a lane was on its way."""
        return lane not in self._first

    def is_there(self, lane: str, offset: int) -> bool:
        """Whether a row that was read is there, as it was read."""
        return offset not in self._gone and (lane, offset) not in self._on_their_way

    def is_next(self, lane: str, offset: int) -> bool:
        """And none that comes before it in its lane was on its way: its turn is first."""
        return self.is_there(lane, offset) and offset < self._first.get(lane, offset + 1)


class Whereabouts:
    """Where rows of one partition are beside the table: in memory, or on their way into it. By offset.

    Those in memory are not taken out again. Of a lane of which some are, others can wait in the table: more than are
    taken at once, or that came since. `over`: the partition was given up.
    """

    def __init__(self) -> None:
        self.over = False
        self._loaded: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._on_their_way: Counter[tuple[str, int]] = Counter()
        self._readings: list[Reading] = []

    def __contains__(self, offset: int) -> bool:
        return offset in self._loaded

    def has_of(self, lane: str) -> bool:
        """Whether one of this lane is in memory."""
        return lane in self._counts

    def load(self, offset: int, lane: str) -> None:
        """It was taken out."""
        self.put_back(offset)
        self._loaded[offset] = lane
        self._counts[lane] += 1

    def put_back(self, offset: int) -> None:
        """It is not in memory any more."""
        lane = self._loaded.pop(offset, None)
        if lane is not None:
            self._counts[lane] -= 1
            if not self._counts[lane]:
                del self._counts[lane]

    def ended(self, offset: int) -> None:
        """Its row is gone."""
        self.put_back(offset)
        for reading in self._readings:
            reading.ends(offset)

    def goes(self, lane: str, offset: int) -> None:
        """It is on its way into the table from now on."""
        self._on_their_way[lane, offset] += 1
        for reading in self._readings:
            reading.begins(lane, offset)

    def went(self, lane: str, offset: int) -> None:
        """It is there, or does not come."""
        self._on_their_way[lane, offset] -= 1
        if not self._on_their_way[lane, offset]:
            del self._on_their_way[lane, offset]

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """While rows are read."""
        reading = Reading(self._on_their_way)
        self._readings.append(reading)
        try:
            yield reading
        finally:
            self._readings.remove(reading)


class ParkedLane:
    """One lane that waits in PostgreSQL."""

    __slots__ = ("assignment", "name", "timer")

    def __init__(self, name: str, assignment: Assignment) -> None:
        self.name = name
        self.assignment = assignment
        self.timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> tuple[str, str]:
        """As the table knows it."""
        return self.assignment.name, self.name
