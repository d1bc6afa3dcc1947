"""What an expression of a run can see: `trigger`, `event`, `errors`, and the outputs of steps by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.events import Event
from contracts.runs import StepError
from services.flows.cel import EvaluationError
from services.flows.names import ERRORS, EVENT, TRIGGER

EVENT_FIELDS = ("id", "source", "type", "subject", "time", "account")


class Scope:
    """The values of one moment of a run.

    `blanks` gives an empty output to steps that did not run, so that `has()` works.
    """

    __slots__ = ("blanks", "errors", "event", "outputs")

    def __init__(
        self,
        event: Event,
        outputs: Mapping[str, Any],
        errors: Mapping[str, StepError],
        blanks: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.event = event
        self.outputs = outputs
        self.errors = errors
        self.blanks = blanks

    def root(self, name: str) -> Any:  # noqa: ANN401 - a JSON value
        """The value of a variable. Raises EvaluationError for a name that `set` has not given a value yet."""
        if name == TRIGGER:
            return self.event.data
        if name in self.outputs:
            return self.outputs[name]
        if name in self.blanks:
            return self.blanks[name]
        if name == ERRORS:
            return {step: _error(error) for step, error in self.errors.items()}
        if name == EVENT:
            return _event(self.event)
        raise EvaluationError(f"{name!r} has no value here: `set` has not run")


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": event.happening,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "account": event.account,
    }


def _error(error: StepError) -> dict[str, Any]:
    return {"code": str(error.code), "cause": error.cause, "attempts": error.attempts}
