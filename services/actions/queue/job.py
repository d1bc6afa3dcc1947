"""A request in the queue: its plan, which never changes, and where it is on its way, which only the queue changes."""

from __future__ import annotations

from collections.abc import Hashable

from contracts.actions import Priority
from services.actions.attempt.plan import Plan
from services.actions.attempt.states import Asking, Waiting
from services.actions.queue.assignment import Assignment
from services.actions.queue.turns import Turn

WEIGHTS = {Priority.HIGH: 8, Priority.NORMAL: 2, Priority.LOW: 1}
NO_TURN = Turn("", "")
NEW = Waiting()


class Job:
    """`turn`: where its lane queues. `parked`: the lane in PostgreSQL that it came from. `again`: no attempt before."""

    __slots__ = ("again", "assignment", "lane", "parked", "plan", "state", "turn")

    def __init__(
        self, plan: Plan, assignment: Assignment, *, state: Waiting | Asking = NEW, parked: str | None = None
    ) -> None:
        self.plan = plan
        self.assignment = assignment
        self.state = state
        self.parked = parked
        self.again = 0.0
        self.lane: Hashable = plan.lane
        request = plan.request
        self.turn = (
            NO_TURN if request is None else Turn(request.connection or "", request.run.flow, WEIGHTS[request.priority])
        )

    def __repr__(self) -> str:
        return f"Job({self.plan!r}, {self.state!r})"

    @property
    def offset(self) -> int:
        """That of its record."""
        return self.plan.record.offset

    def late(self, wall: float) -> bool:
        """Whether its deadline is over at a moment, in seconds since 1970, and no call of it is under way."""
        request = self.plan.request
        return isinstance(self.state, Waiting) and request is not None and request.too_late(wall) is not None

    def waits_here(self, now: float) -> bool:
        """Whether it is known in memory only what it waits for: its destination's word, or a moment that is its own."""
        return isinstance(self.state, Asking) or self.again > now

    def finish(self) -> None:
        """All that follows from its record is safe."""
        self.assignment.offsets.finish(self.offset)
