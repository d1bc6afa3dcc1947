"""Which offset may be committed: everything before it is finished. Pure accounting, one a partition."""

from __future__ import annotations

from collections import deque


class Offsets:
    """Offsets are taken in rising order, with gaps (transactions, compaction), and finished in any order."""

    __slots__ = ("_finished", "_pending", "_position")

    def __init__(self) -> None:
        self._pending: deque[int] = deque()
        self._finished: set[int] = set()
        self._position: int | None = None

    def take(self, offset: int) -> None:
        """A record was taken from Kafka. Raises ValueError unless it lies after all others."""
        if self._pending and offset <= self._pending[-1]:
            raise ValueError(f"offset {offset} after {self._pending[-1]}")
        if not self._pending and self._position is not None and offset < self._position:
            raise ValueError(f"offset {offset} before position {self._position}")
        self._pending.append(offset)

    def finish(self, offset: int) -> None:
        """A record is done: its effect and its outputs are safe. Twice is once."""
        pending = self._pending
        if not pending or offset < pending[0]:
            return
        self._finished.add(offset)
        while pending and pending[0] in self._finished:
            self._finished.remove(pending[0])
            self._position = pending.popleft() + 1

    @property
    def position(self) -> int | None:
        """What to commit: one more than the last of the longest finished prefix. None: nothing is finished yet."""
        return self._position

    @property
    def waiting(self) -> int:
        """How many records were taken and stand at or behind the first unfinished one."""
        return len(self._pending)
