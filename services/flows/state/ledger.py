"""Settling asks against cells and answers: the one way, whether they are rows or dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.flows.state.cells import Asked, Cell, Death, Given, Held, Stateful, World


@dataclass(frozen=True, slots=True)
class Name:
    """A cell with its account."""

    account: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it is kept: JSON, until when."""

    answer: Mapping[str, Any]
    until: float


@dataclass(slots=True)
class Ledger:
    """What is known of some asks. `settle` changes it; what is `changed`, `said` and `void` has to be kept then.

    All that the asks name must be read before: `cells` (a missing one is empty), `answers` by asker, `dead` runs.
    `replayed` are runs that asked again what was answered before: such a run lives, whatever was said of it.
    """

    now: float
    keep_seconds: float
    cells: dict[str, Held] = field(default_factory=dict)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    dead: dict[str, Death] = field(default_factory=dict)
    changed: dict[str, tuple[Name, Held | None]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    void: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)

    def settle(self, asks: Sequence[Asked]) -> list[Given | Exception]:
        """One answer an ask, in order: each sees what those before it did. One that cannot be settled is an error."""
        answers: list[Given | Exception] = []
        for asked in asks:
            try:
                answers.append(self._settle(asked))
            except Exception as error:  # noqa: BLE001 - one run's bug is not that of its neighbours
                answers.append(error)
        return answers

    def _settle(self, asked: Asked) -> Given:
        need = stateful(asked)
        by = asked.id
        if by in self.answers:
            self.replayed.add(asked.run_id)
            self.dead.pop(asked.run_id, None)
            return need.answer.model_validate(self.answers[by])
        names = need.cells(asked)
        ids = [cell.id(asked.account) for cell in names]
        held = tuple(self._held(one) for one in ids)
        decision = need.decide(asked, held, World(self.now, self.dead))
        answer = decision.answer.model_dump(mode="json", exclude_defaults=True)
        for one, cell, before, after in zip(ids, names, held, decision.cells, strict=True):
            if after is not before:
                self.changed[one] = (Name(asked.account, cell), after)
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

    def _held(self, one: str) -> Held | None:
        held = self.cells.get(one)
        return held if held is not None and held.until > self.now else None


def stateful(asked: Asked) -> Stateful[Any]:
    """The ask's need. TypeError when cells cannot answer it."""
    if not isinstance(asked.need, Stateful):
        raise TypeError(f"{type(asked.need).__name__} is no need with state")
    return asked.need
