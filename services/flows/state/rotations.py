"""Round robin: whose turn it is, by weight, the same for the same key, without those who are away.

Smooth weighted round robin, as nginx does it: each turn, everybody present gains its weight, the one with most is
chosen and pays the weights of all. In every round (as many turns as the weights sum up to) each gets exactly its share,
spread evenly. https://github.com/phusion/nginx/commit/27e94984486058d73157038f7950a0a36ecc6e35
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from services.flows.state.cells import DAY_SECONDS, Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World
from services.flows.working_hours import HoursError, WorkingHours

KIND = "rotation"
KEPT_SECONDS = 400 * DAY_SECONDS
MOST_REMEMBERED = 2000
NEW: Mapping[str, Any] = {"turns": 0, "members": {}, "away": {}}


class Turned(NeedAnswer):
    """Whose turn it is; None when all are away. `kept`: the key had it already."""

    value: str | None
    kept: bool = False


@lru_cache(maxsize=4096)
def _at_work(hours: WorkingHours, minute: int) -> bool:
    """Whether somebody is there in a minute since 1970: hours begin and end on the minute."""
    moment = datetime.fromtimestamp(minute * 60, UTC)
    try:
        return hours.next(moment) == moment
    except HoursError:
        return False  # every day is a holiday


@dataclass(frozen=True, slots=True)
class Turn(Stateful[Turned]):
    """The next of `values`. With `sticky_key`, that key keeps who it got for `sticky_seconds` after its last turn.

    `weights` are those of `values`, in order. `rotate_if_all_away`: then nobody counts as away.
    """

    list: str
    values: tuple[str, ...]
    weights: tuple[int, ...]
    sticky_key: str = ""
    sticky_seconds: float = 0.0
    absent: tuple[str, ...] = ()
    hours: tuple[tuple[str, WorkingHours], ...] = ()
    rotate_if_all_away: bool = True
    answer: ClassVar[type[NeedAnswer]] = Turned
    label: ClassVar[str] = "turn"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """The rotation, which all flows share, and what the key got."""
        del asked
        rotation = Cell(KIND, (self.list,))
        return (rotation, Cell("sticky", (self.list, self.sticky_key))) if self.sticky_key else (rotation,)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """Who has the key, if that one is there; else whose turn it is."""
        del asked
        rotation, *sticky = held
        state = rotation.state if rotation else NEW
        present = self.present(state["away"], world.now)
        if sticky and sticky[0] and (value := sticky[0].state["value"]) in present:
            again = CellContent(sticky[0].state, world.now + self.sticky_seconds)
            return CellDecision(Turned(value=value, kept=True), (rotation, again))
        if not present:
            return CellDecision(Turned(value=None), tuple(held))
        value, state = turn(state, present)
        # By days: a row that changes often and whose index does not is cheap.
        after = CellContent(state, world.now // DAY_SECONDS * DAY_SECONDS + KEPT_SECONDS)
        if not self.sticky_key:
            return CellDecision(Turned(value=value), (after,))
        return CellDecision(
            Turned(value=value), (after, CellContent({"value": value}, world.now + self.sticky_seconds))
        )

    def present(self, away: Mapping[str, float | None], now: float) -> dict[str, int]:
        """Who is there, with their weights."""
        hours = dict(self.hours)
        everybody = {value: weight for value, weight in zip(self.values, self.weights, strict=True) if weight > 0}
        present = {
            value: weight
            for value, weight in everybody.items()
            if value not in self.absent
            and not is_away(away, value, now)
            and (value not in hours or _at_work(hours[value], int(now // 60)))
        }
        return present or (everybody if self.rotate_if_all_away else {})


def is_away(away: Mapping[str, float | None], member: str, now: float) -> bool:
    """Whether a member is switched off: for good, or until a moment."""
    return member in away and ((until := away[member]) is None or now < until)


def turn(state: Mapping[str, Any], present: Mapping[str, int]) -> tuple[str, dict[str, Any]]:
    """Whose turn it is among those present (not none), and the rotation after it.

    A member's `turns` are what it got, `due` its exact share of all turns that it was present for.
    """
    members = dict(state["members"])
    whole = sum(present.values())
    chosen = ""
    for name, weight in present.items():
        before = members.get(name) or {"credit": 0, "turns": 0, "due": 0.0}
        members[name] = {**before, "credit": before["credit"] + weight, "due": before["due"] + weight / whole}
        if not chosen or members[name]["credit"] > members[chosen]["credit"]:
            chosen = name
    members[chosen]["credit"] -= whole
    members[chosen]["turns"] += 1
    if len(members) > MOST_REMEMBERED:
        members = {name: member for name, member in members.items() if name in present}
    return chosen, {**state, "turns": state["turns"] + 1, "members": members}


def switched(state: Mapping[str, Any], away: Mapping[str, float | None], back: Sequence[str]) -> dict[str, Any]:
    """The rotation with some members away (until a moment, or for good: None) and some back."""
    after = {name: until for name, until in state["away"].items() if name not in back}
    return {**state, "away": {**after, **away}}
