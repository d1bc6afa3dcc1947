"""Storage: a value a key, until a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.flows.state.cells import Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World

KIND = "storage"


class Loaded(NeedAnswer):
    """The value, if there is one, and since when."""

    found: bool
    value: Any = None
    at: float | None = None


class Stored(NeedAnswer):
    """What was there before."""

    replaced: bool
    previous: Any = None


@dataclass(frozen=True, slots=True)
class LoadValue(Stateful[Loaded]):
    """Read the value of a key. A replay reads what was read the first time."""

    scope: str
    key: str
    answer: ClassVar[type[NeedAnswer]] = Loaded
    label: ClassVar[str] = "load"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """The value."""
        del asked, world
        (one,) = held
        if one is None:
            return CellDecision(Loaded(found=False), (one,))
        return CellDecision(Loaded(found=True, value=one.state["value"], at=one.state["at"]), (one,))


@dataclass(frozen=True, slots=True)
class StoreValue(Stateful[Stored]):
    """Write the value of a key; null takes it away."""

    scope: str
    key: str
    value: Any
    keep_seconds: float
    answer: ClassVar[type[NeedAnswer]] = Stored
    label: ClassVar[str] = "store"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """What was there."""
        del asked
        (one,) = held
        answer = Stored(replaced=one is not None, previous=one.state["value"] if one else None)
        if self.value is None:
            return CellDecision(answer, (None,))
        return CellDecision(
            answer, (CellContent({"value": self.value, "at": world.now}, world.now + self.keep_seconds),)
        )
