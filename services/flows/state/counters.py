"""Counters: an exact total a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from services.flows.state.cells import Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World


class Counted(NeedAnswer):
    """The total with this one, and since when it is counted."""

    total: int
    since: float


@dataclass(frozen=True, slots=True)
class Count(Stateful[Counted]):
    """Add to a total. It begins at nothing again `within_seconds` after its first addition."""

    scope: str
    key: str
    add: int
    within_seconds: float
    answer: ClassVar[type[NeedAnswer]] = Counted
    label: ClassVar[str] = "count"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell("counter", (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """The total."""
        del asked
        (one,) = held
        if one is None:
            one = CellContent({"total": 0, "since": world.now}, world.now + self.within_seconds)
        state = {**one.state, "total": one.state["total"] + self.add}
        return CellDecision(Counted(total=state["total"], since=state["since"]), (CellContent(state, one.until),))
