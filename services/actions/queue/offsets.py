"""Which offset may be committed: everything before it is finished. Pure accounting, one a partition."""

from __future__ import annotations

from collections import deque


class Offsets:
    """Offsets are taken in rising order, with gaps (transactions, compaction), and finished in any order.

    One that lies before the last is the first of a partition that begins anew, as its topic was deleted and made again:
    what was taken before is no longer in Kafka, and counts no more. Where such a record is at work still, one at its
    offset counts as finished once both are.
    """

    __slots__ = ("_finished", "_gone", "_pending", "_position")

    def __init__(self) -> None:
        self._pending: deque[int] = deque()
        self._finished: set[int] = set()
        self._gone: set[int] = set()
        self._position: int | None = None

    def take(self, offset: int) -> None:
        """A record was taken from Kafka."""
        last = self._pending[-1] if self._pending else (self._position or 0) - 1
        if offset <= last:
            self._gone.update(one for one in self._pending if one not in self._finished)
            self._pending.clear()
            self._finished.clear()
            self._position = None
        self._pending.append(offset)

    def finish(self, offset: int) -> None:
        """A record is done: its effect and its outputs are safe. Twice is once."""
        if offset in self._gone:
            self._gone.remove(offset)
            return
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
