"""State in memory: answers for `flows test`, by the same rules as PostgreSQL's, at a time that the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.flows.state.cells import DAY_SECONDS, Asked, CellContent, DeadRunFact, NeedAnswer
from services.flows.state.ledger import Question, StateLedger


class InMemoryState:
    """The state of one test. `dead` is told when a run ends as dead."""

    def __init__(self) -> None:
        self._cells: dict[str, CellContent] = {}
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._dead: dict[str, DeadRunFact] = {}

    def answer(self, asks: Sequence[Asked], now: float) -> list[NeedAnswer | Exception]:
        """One answer an ask, in order; an error in place of one that cannot be. `now`: seconds since 1970."""
        answers: list[NeedAnswer | Exception] = []
        for asked in asks:
            try:
                question = Question.of(asked)
            except (TypeError, ValueError) as error:
                answers.append(error)
            else:
                answers += StateLedger(now, DAY_SECONDS, self._cells, self._answers, self._dead).settle([question])
        return answers

    def died(self, run_id: str, done: int, now: float) -> None:
        """A run is dead after so many calls: claims that came to nothing are free."""
        self._dead[run_id] = DeadRunFact(done, now)
