"""Throttling: at most so many per time and key, in every window of that length, not only in those of the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from services.flows.state.cells import Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World


class Permitted(NeedAnswer):
    """Whether the run may pass, and when: if it waits, `at` lies ahead, and its place there is kept.

    Refused: when a place would have been free.
    """

    passed: bool
    at: float
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Permit(Stateful[Permitted]):
    """Pass now, or at a moment within `longest_wait_seconds`, or not."""

    scope: str
    key: str
    most: int
    per_seconds: float
    longest_wait_seconds: float = 0.0
    answer: ClassVar[type[NeedAnswer]] = Permitted
    label: ClassVar[str] = "permit"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key. It holds the moments of the last `most` that passed or will."""
        return (Cell("throttle", (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """The first moment at which fewer than `most` passed within the time before."""
        del asked
        (one,) = held
        passed: list[float] = list(one.state["passed"]) if one else []
        at = world.now
        if len(passed) >= self.most:
            at = max(at, passed[-self.most] + self.per_seconds)
        if passed:
            at = max(at, passed[-1])  # a clock that was set back does not break the order
        if at - world.now > self.longest_wait_seconds:
            return CellDecision(Permitted(passed=False, at=at), (one,))
        passed = [*passed, at][-self.most :]
        # When the last of them is over, the cell says nothing that an empty one does not.
        answer = Permitted(passed=True, at=at, waits=at > world.now)
        return CellDecision(answer, (CellContent({"passed": passed}, at + self.per_seconds),), until=at)
