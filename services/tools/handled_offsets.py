"""How far each partition was handled without a hole: so far may be committed, whatever was lost on the way.

Faust takes for handled what its streams acknowledge, passes over one missing record in a commit, and drops what lies
before the last offset that it read. A record that a rebalance takes out of a buffer would be lost so, without a word.
Every offset of a partition comes, a `Gap` where no record is (services/runtime/kafka/fetching.py): so what does not
follow what was handled is early, and what is missing is read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Partition(NamedTuple):
    """As faust and aiokafka have it: each equals the other."""

    topic: str
    partition: int


class Offsets(NamedTuple):
    """What one record stands for: its own offset, or those of a gap."""

    partition: Partition
    first: int
    last: int


class HandledOffsets:
    """The next offset of each partition."""

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}

    def next(self, partition: Partition) -> int | None:
        """What comes next; all before it is handled. None: nobody knows yet, whatever comes first."""
        return self._next.get(partition)

    def begins(self, partition: Partition, offset: int | None) -> None:
        """Reading begins here, as the group's committed offset says; None: there is none."""
        if offset is None:
            self._next.pop(partition, None)
        else:
            self._next[partition] = offset

    def follows(self, records: Iterable[Offsets]) -> tuple[list[bool], set[Partition]]:
        """Of each record of a batch, in order: whether it is to be handled now. And the partitions with holes.

        Not to be handled are those that were handled before, and those behind a hole: they come again, behind what is
        missing.
        """
        reached = dict(self._next)
        now, holes = [], set()
        for partition, first, last in records:
            expected = reached.setdefault(partition, first)
            if first > expected:
                holes.add(partition)
            fits = first <= expected <= last
            if fits:
                reached[partition] = last + 1
            now.append(fits)
        return now, holes

    def handled(self, records: Iterable[Offsets]) -> None:
        """These are done: what they led to is acknowledged by Kafka."""
        for partition, first, last in records:
            if first <= self._next.setdefault(partition, first) <= last:
                self._next[partition] = last + 1
