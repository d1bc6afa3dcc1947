"""What happened to one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Outcome, StepError


@dataclass(frozen=True, slots=True)
class RequestedCall:
    """A call that the flow asked for, how long after the run's event, and the error when it failed for good."""

    action: str
    connection: str | None
    inputs: Mapping[str, Any]
    after_seconds: float
    error: StepError | None


@dataclass(slots=True)
class Story:
    """A run from its event to its end. `outcome` is None while it waits for something that never came.

    `trace` are steps, each with the ways taken, as `services.flows.traces.Trace` is told.
    """

    flow: str
    event: Event
    began: datetime
    calls: list[RequestedCall] = field(default_factory=list)
    trace: list[tuple[str, str]] = field(default_factory=list)
    outcome: Outcome | None = None
    reason: str | None = None
    code: ErrorCode | None = None
    step: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    ended: datetime | None = None

    def told(self, path: str, way: str) -> None:
        """A step is done, or a way taken."""
        self.trace.append((path, way))

    @property
    def after_seconds(self) -> float:
        """How long after its event the run ended."""
        return ((self.ended or self.began) - self.began).total_seconds()
