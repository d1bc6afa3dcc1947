"""The assignments of this worker: which partitions it has, under which number, and what of them may be committed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator

from services.actions.journal.journal import Tenure
from services.actions.queue.offsets import Offsets
from services.runtime.kafka.group_offsets import TopicAndPartition


class Assignment:
    """One assignment of one partition. `leaving`: it is being given up, so nothing of it is begun any more.

    `entering`: it is not known yet which of its lanes wait in PostgreSQL, so nothing of it is consumed.
    """

    def __init__(self, place: TopicAndPartition, tenure: Tenure) -> None:
        self.place = place
        self.tenure = tenure
        self.offsets = Offsets()
        self.leaving = False
        self.entering: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """As PostgreSQL knows the partition."""
        return self.tenure.place


class Assignments:
    """All that this worker has now, by partition."""

    def __init__(self) -> None:
        self._all: dict[TopicAndPartition, Assignment] = {}

    def __iter__(self) -> Iterator[Assignment]:
        return iter(list(self._all.values()))

    def places(self) -> Collection[TopicAndPartition]:
        """The partitions."""
        return set(self._all)

    def get(self, place: TopicAndPartition) -> Assignment | None:
        """That of a partition; None: it is somebody else's."""
        return self._all.get(place)

    def add(self, assignment: Assignment) -> None:
        """It begins."""
        self._all[assignment.place] = assignment

    def remove(self, assignment: Assignment) -> None:
        """It is over."""
        if self._all.get(assignment.place) is assignment:
            del self._all[assignment.place]
