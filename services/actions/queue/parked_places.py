"""What memory knows of what waits in PostgreSQL: a shelf for a connection, and each lane that waits by itself."""

from __future__ import annotations

import asyncio

from services.actions.queue.assignment import Assignment


class Shelf:
    """What of one partition waits for one connection. `read`: up to this offset."""

    __slots__ = ("added", "adding", "read")

    def __init__(self) -> None:
        self.read = -1
        self.adding = 0
        self.added = 0


class ParkedLane:
    """One lane that waits in PostgreSQL."""

    __slots__ = ("added", "adding", "assignment", "loaded", "name", "timer")

    def __init__(self, name: str, assignment: Assignment) -> None:
        self.name = name
        self.assignment = assignment
        self.timer: asyncio.TimerHandle | None = None
        self.loaded = 0  # its rows that are in memory
        self.adding = 0  # requests on their way into the table
        self.added = 0  # how many ever went there

    @property
    def key(self) -> tuple[str, str]:
        """As the table knows it."""
        return self.assignment.name, self.name
