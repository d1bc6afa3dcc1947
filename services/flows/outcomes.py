"""What `advance` gives back: what comes next for a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.runs import Outcome, Run
from services.flows.needs import Need
from services.flows.sync import Write


@dataclass(frozen=True, slots=True)
class Act:
    """A call to request. The run goes on when its answer comes, or ends with it (`request.last`).

    `write` is what it will set where it goes, as far as that is known.
    """

    request: ActionRequest
    write: Write | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A need without an answer: get one, then `advance(flow, run, answers=(*answers, answer))`."""

    run: Run
    need: Need[Any]
    answers: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Sleep:
    """The run waits: it goes on with a Wake when `until` has come, or an event with one of these hashes came before.

    Always given, also for a moment that is over: so a step that is done again later does the same. `timer` is the id.
    """

    run: Run
    timer: str
    until: datetime
    cancel: str | None = None
    more_cancels: tuple[str, ...] = ()
    keeps_event: bool = False
    """Whether the wake brings the event that ended the wait: the flow reads it."""

    @property
    def cancels(self) -> tuple[str, ...]:
        """The hashes of all that ends the wait early, in the flow's order."""
        return (*((self.cancel,) if self.cancel is not None else ()), *self.more_cancels)


@dataclass(frozen=True, slots=True)
class End:
    """The run is over. With Outcome.DEAD, `code` and `reason` say why and `step` where.

    `error` is what was raised, with its stack, when nobody foresaw it (ErrorCode.BUG): for the log only.
    """

    run: Run
    outcome: Outcome
    reason: str | None = None
    code: ErrorCode | None = None
    step: str | None = None
    error: Exception | None = field(default=None, compare=False, repr=False)


Next = Act | Ask | Sleep | End
