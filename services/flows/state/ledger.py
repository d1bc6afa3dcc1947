"""Settling asks against cells and answers: the one way, whether they are rows or dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from services.flows.state.cells import Asked, Cell, CellContent, DeadRunFact, NeedAnswer, Stateful, World


@dataclass(frozen=True, slots=True)
class Question:
    """An ask, ready to be settled: who asks, and the ids of the cells that it concerns."""

    asked: Asked
    need: Stateful[Any]
    by: str
    cells: tuple[Cell, ...]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Raises TypeError when cells cannot answer the need, ValueError for a text that is none."""
        need = asked.need
        if not isinstance(need, Stateful):
            raise TypeError(f"{type(need).__name__} is no need with state")
        cells = need.cells(asked)
        return cls(asked, need, asked.id, cells, tuple(cell.id(asked.account) for cell in cells))


@dataclass(frozen=True, slots=True)
class Changed:
    """What a cell holds after all; None: nothing."""

    account: str
    cell: Cell
    held: CellContent | None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it is kept: JSON, until when."""

    answer: Mapping[str, Any]
    until: float


@dataclass(slots=True)
class StateLedger:
    """What is known of some questions. `settle` changes it; what is `changed`, `said` and `void` has to be kept then.

    All that the questions name must be read before: `cells` (a missing one is empty), `answers` by asker, `dead` runs.
    `replayed` are runs that asked again what was answered before: such a run lives, whatever was said of it.
    """

    now: float
    keep_seconds: float
    cells: dict[str, CellContent] = field(default_factory=dict)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    dead: dict[str, DeadRunFact] = field(default_factory=dict)
    changed: dict[str, Changed] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)

    def settle(self, questions: Sequence[Question]) -> list[NeedAnswer | Exception]:
        """One answer a question, in order: each sees what those before it did. What cannot be settled is an error."""
        answers: list[NeedAnswer | Exception] = []
        for question in questions:
            try:
                answers.append(self._settle(question))
            except Exception as error:  # noqa: BLE001 - one run's bug is not that of its neighbours
                answers.append(error)
        return answers

    def _settle(self, question: Question) -> NeedAnswer:
        asked, need, by = question.asked, question.need, question.by
        if by in self.answers:
            self.replayed.add(asked.run_id)
            self.dead.pop(asked.run_id, None)
            return need.answer.model_validate(self.answers[by])
        held = tuple(self._held(one) for one in question.ids)
        decision = need.decide(asked, held, World(self.now, self.dead))
        answer = decision.answer.model_dump(mode="json", exclude_defaults=True)
        for one, cell, before, after in zip(question.ids, question.cells, held, decision.cells, strict=True):
            if after is not before:
                self.changed[one] = Changed(asked.account, cell, after)
                if after is None:
                    self.cells.pop(one, None)
                else:
                    self.cells[one] = after
        for asker in decision.void:
            self.void.add(asker)
            self.answers.pop(asker, None)
            self.said.pop(asker, None)
        self.answers[by] = answer
        self.said[by] = Said(answer, max(self.now, decision.until) + self.keep_seconds)
        return decision.answer

    def _held(self, one: str) -> CellContent | None:
        held = self.cells.get(one)
        return held if held is not None and held.until > self.now else None
