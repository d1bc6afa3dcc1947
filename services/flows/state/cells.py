"""Cells, who asks, and what a need with state is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from contracts.ids import stable_id
from services.flows.needs import Need

DAY_SECONDS = 86_400.0


class NeedAnswer(BaseModel):
    """The base of answers. They are kept as JSON and read by later versions: unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


A = TypeVar("A", bound=NeedAnswer)


class Cell(NamedTuple):
    """The name of a place for state. Cells of different accounts, kinds and names never meet."""

    kind: str
    name: tuple[str, ...]

    def id(self, account: str) -> str:
        """32 hex digits: a name may be longer than an index row can be."""
        return stable_id("cell", account, self.kind, *self.name)


@dataclass(frozen=True, slots=True)
class CellContent:
    """What a cell holds: JSON that is never changed in place, and until when (seconds since 1970)."""

    state: Mapping[str, Any]
    until: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A need with who asks: the same on every replay of the run's step, and no two askers share it."""

    account: str
    flow: str
    run_id: str
    step: str
    ordinal: int
    need: Need[Any]
    done: int = 0

    @property
    def id(self) -> str:
        """32 hex digits: who asks. `ordinal` counts the needs of one tool."""
        return stable_id(self.run_id, self.step, str(self.ordinal))

    def scope(self, wanted: str) -> str:
        """The scope that the author named; else the flow's own, which no name that an author writes can be."""
        return f"={wanted}" if wanted else f"flow {self.flow}"


class DeadRunFact(NamedTuple):
    """That a run ended as dead: after so many calls that were done, and when."""

    done: int
    at: float


@dataclass(frozen=True, slots=True)
class World:
    """What is known besides the cells: the time, and which runs are dead."""

    now: float
    dead: Mapping[str, DeadRunFact]


@dataclass(frozen=True, slots=True)
class CellDecision:
    """An answer, and what the need's cells hold from now on, in their order; None empties a cell.

    `void`: askers whose answers no longer hold, because what they were given was taken from them. `until`: a moment
    after now that the answer is about; the answer is kept for the replay that comes then.
    """

    answer: NeedAnswer
    cells: tuple[CellContent | None, ...]
    void: tuple[str, ...] = ()
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Stateful(Need[A]):
    """A need that cells answer. A subclass is a kind; its answer is a model, kept as JSON for replays.

    `label` is what metrics call the kind: it stays when the class gets another name.
    """

    answer: ClassVar[type[NeedAnswer]]
    label: ClassVar[str]

    @abstractmethod
    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """The cells that the need reads and writes."""

    @abstractmethod
    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """The answer. What has expired is None already. Deterministic; changes nothing that it is given."""

    def holders(self, held: Sequence[CellContent | None]) -> tuple[str, ...]:
        """Runs of which the need must know whether they are dead."""
        del held
        return ()
