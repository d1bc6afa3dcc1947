"""Deduplication: who was the first to claim a key, and what came of it.

A claim belongs to a step of a run, so another look of the same run passes; but not in another round of a `for_each`:
there the same item is a duplicate. A claim is void when its run is dead and no call was done since
the claim: then nothing has come of it, and whoever asks next is the first. The answer of the former holder is void
with it, so that a dead letter which is redriven later asks anew and learns that it is a duplicate now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.flows.iterations import path_of
from services.flows.state.cells import Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World

KIND = "claim"


class Claimed(NeedAnswer):
    """Whether this one is the first; the run that is; what the first has stored with `SettleClaim`."""

    first: bool
    run_id: str
    at: float
    settled: bool = False
    result: Any = None


class Settled(NeedAnswer):
    """Whether the result was stored: only the run that holds the claim can."""

    stored: bool


@dataclass(frozen=True, slots=True)
class ClaimKey(Stateful[Claimed]):
    """Be the first with `key` within a time. With `renew`, a duplicate begins the time anew for the holder."""

    scope: str
    key: str
    within_seconds: float
    renew: bool = False
    answer: ClassVar[type[NeedAnswer]] = Claimed
    label: ClassVar[str] = "claim"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def holders(self, held: Sequence[CellContent | None]) -> tuple[str, ...]:
        """Who holds the claim."""
        return tuple(one.state["run"] for one in held if one is not None)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """First, if nobody holds it but this run, or a dead run that came to nothing."""
        (one,) = held
        void: tuple[str, ...] = ()
        mine = one is not None and one.state["run"] == asked.run_id
        if one is not None and not mine and _came_to_nothing(one, world):
            void = tuple(one.state["asked"])
            one = None
        if one is None:
            state = {"run": asked.run_id, "step": asked.step, "asked": [asked.id], "done": asked.done, "at": world.now}
            claimed = CellContent(state, world.now + self.within_seconds)
            return CellDecision(Claimed(first=True, run_id=asked.run_id, at=world.now), (claimed,), void)
        first = mine and not _other_round(one.state.get("step", asked.step), asked.step)
        answer = Claimed(
            first=first,
            run_id=one.state["run"],
            at=one.state["at"],
            settled="result" in one.state,
            result=one.state.get("result"),
        )
        if first:
            one = CellContent({**one.state, "asked": [*one.state["asked"], asked.id]}, one.until)
        elif self.renew:
            one = CellContent(one.state, max(one.until, world.now + self.within_seconds))
        return CellDecision(answer, (one,))


@dataclass(frozen=True, slots=True)
class SettleClaim(Stateful[Settled]):
    """Store what came of this run's claim, for those who come second."""

    scope: str
    key: str
    result: Any
    answer: ClassVar[type[NeedAnswer]] = Settled
    label: ClassVar[str] = "settle"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """That of the claim."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """Stored, if the claim is this run's."""
        del world
        (one,) = held
        if one is None or one.state["run"] != asked.run_id:
            return CellDecision(Settled(stored=False), (one,))
        return CellDecision(Settled(stored=True), (CellContent({**one.state, "result": self.result}, one.until),))


def _other_round(claimed: str, asked: str) -> bool:
    """Whether the same step asks in another round of its loop: `2[0].do.0` and `2[1].do.0`."""
    return claimed != asked and path_of(claimed) == path_of(asked)


def _came_to_nothing(held: CellContent, world: World) -> bool:
    death = world.dead.get(held.state["run"])
    return death is not None and death.at >= held.state["at"] and death.done == held.state["done"]
