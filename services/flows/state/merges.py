"""Merges: two sides change one thing. For each field it is kept who changed it last; a change wins or loses by a rule.

A change that wins is written to the other side. Where something was written to its own side shortly before, the two may
have crossed: then the winner is written to both sides, so that both end with it, whichever write came last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.flows.state.cells import DAY_SECONDS, Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World

KIND = "merge"
LAST = "last"
MOST_FIELDS = 500


class Merged(NeedAnswer):
    """`forward`: to be written to the other side. `back`: to be written to the own side. Both by field."""

    forward: dict[str, Any]
    back: dict[str, Any]
    lost: list[str]


@dataclass(frozen=True, slots=True)
class Merge(Stateful[Merged]):
    """Changes of one entity on one side, at a moment. `rule`: `last`, or the side that always wins."""

    scope: str
    key: str
    side: str
    changes: Mapping[str, Any]
    at: float
    rule: str
    crossing_seconds: float
    answer: ClassVar[type[NeedAnswer]] = Merged
    label: ClassVar[str] = "merge"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """Which changes win."""
        del asked
        (one,) = held
        fields: dict[str, Any] = dict(one.state["fields"]) if one else {}
        forward: dict[str, Any] = {}
        back: dict[str, Any] = {}
        lost = []
        for field, value in self.changes.items():
            before = fields.get(field)
            wrote = dict(before["wrote"]) if before else {}
            # What this side holds may have been overwritten by a write of ours that was on its way.
            touched = any(self._near(at) for into, at in wrote.items() if into != _but(self.side))
            if before is None or self._wins(before):
                forward[field] = value
                wrote[_but(self.side)] = self.at
                before = {"side": self.side, "at": self.at, "value": value}
            else:
                lost.append(field)
                touched = touched or before["side"] != self.side
            if touched:
                back[field] = before["value"]
                wrote[self.side] = self.at
            fields[field] = {**before, "wrote": wrote}
        if len(fields) > MOST_FIELDS:
            kept = sorted(fields, key=lambda name: fields[name]["at"])[-MOST_FIELDS:]
            fields = {name: fields[name] for name in kept}
        answer = Merged(forward=forward, back=back, lost=lost)
        return CellDecision(
            answer, (CellContent({"fields": fields}, world.now + max(DAY_SECONDS, 2 * self.crossing_seconds)),)
        )

    def _near(self, at: float) -> bool:
        return abs(self.at - at) <= self.crossing_seconds

    def _wins(self, before: Mapping[str, Any]) -> bool:
        if before["side"] == self.side:
            return bool(self.at >= before["at"])
        if self.rule == LAST or not self._near(before["at"]):
            # At the same moment the name decides: any order, as long as it is always the same.
            return bool((self.at, self.side) > (before["at"], before["side"]))
        return self.side == self.rule


class Standing(NeedAnswer):
    """The changes that nobody changed again since."""

    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stands(Stateful[Standing]):
    """Which of these changes, that won once, are still the last ones. A replay answers as the first time."""

    scope: str
    key: str
    changes: Mapping[str, Any]
    answer: ClassVar[type[NeedAnswer]] = Standing
    label: ClassVar[str] = "stands"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """That of the merges."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """Those that are still there. When all is forgotten, nobody changed them."""
        del asked, world
        (one,) = held
        fields = one.state["fields"] if one else {}
        standing = {
            field: value
            for field, value in self.changes.items()
            if field not in fields or fields[field]["value"] == value
        }
        return CellDecision(Standing(fields=standing), (one,))


def _but(side: str) -> str:
    """Where a change of this side is written to, in the list of writes: the other side, whose name is not known."""
    return f"not {side}"
