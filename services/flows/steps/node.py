"""What a compiled step is, and what it may do with a run.

A node does its step in `advance`: it reads and changes the Execution, and answers what comes next. Where it hands
something out (a call, a need, a wait), the run comes back to the same node, with an answer or a wake.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from contracts.actions import Priority
from contracts.errors import ErrorCode
from contracts.runs import Answer, Outcome, Run, StepError, Wake
from services.flows.iterations import iterations_of
from services.flows.need_answers import with_answers
from services.flows.outcomes import End, Next
from services.flows.scope import Scope
from services.flows.traces import Trace

DONE, ON_ERROR, ON_DEADLINE = "done", "on_error", "on_deadline"
"""The ways on from a step that can fail, or come too late."""
CAUSE_CHARACTERS = 500


class StepFailedError(Exception):
    """A step cannot be done: the run goes on as `on_error` says, or ends as dead with this code."""

    def __init__(self, code: ErrorCode, cause: str) -> None:
        super().__init__(cause)
        self.code = code


@dataclass(frozen=True, slots=True)
class Failing:
    """Where a run goes on when a step failed, or when a wait was ended. `then`: None at the end of the flow.

    `name`: what `errors` keeps the error by; None: the step's place.
    """

    then: Node | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """A compiled step. Immutable; safe to share between threads."""

    traced: ClassVar[bool] = True
    """Whether beginning it is a step of its own to people."""

    path: str
    failing: Failing | None = field(default=None, kw_only=True)
    """Where runs go on when the step fails; None: they end."""

    @abstractmethod
    def advance(self, execution: Execution) -> Node | Next | None:
        """Do the step: the node that follows, None at the end of the flow, or what to give back.

        Raises EvaluationError, ToolError or StepFailedError for what makes the step fail, StopRun to end the run.
        """

    def answered(self, execution: Execution, answer: Answer) -> Node | End | None:
        """Where the run goes on after the answer to the call that this step asked for."""
        del answer
        return execution.unasked()

    def woken(self, execution: Execution, wake: Wake) -> Node | End | None:
        """Where the run goes on after its wait here."""
        del wake
        return execution.dead(ErrorCode.RUN_INVALID, f"step {execution.at!r} does not wait")


class Execution:
    """One call of `advance`: a copy of the run's state that steps change."""

    def __init__(
        self,
        run: Run,
        nodes: Mapping[str, Node],
        blanks: Mapping[str, Mapping[str, Any]],
        *,
        priority: Priority,
        wake: Wake | None,
        answers: Sequence[object],
        now: datetime | None,
        trace: Trace,
    ) -> None:
        self.given = run
        self.nodes = nodes
        self.priority = priority
        self.wake = wake
        """The end of the wait that the run stands at, until a step has taken it."""
        self.answers = answers
        """Those of the needs that the step has asked for so far."""
        self.trace = trace
        self.at = run.at
        """Where the run stands: the path of the step, with the number of each iteration around."""
        self.outputs = dict(run.outputs)
        self.errors = dict(run.errors)
        self.loops = dict(run.loops)
        self.done = run.done
        self.need_answers = with_answers(run.need_answers, run.at, answers) if answers else run.need_answers
        self.iterations = iterations_of(run.at)
        self.scope = Scope(run.event, self.outputs, self.errors, blanks)
        self._now = now

    def now(self) -> datetime:
        """The moment that requests are dated with and waits begin at."""
        return self._now or datetime.now(UTC)

    def run(self) -> Run:
        """The run as it is now."""
        given = self.given
        return Run.model_construct(
            id=given.id,
            flow=given.flow,
            version=given.version,
            event=given.event,
            key=given.key,
            at=self.at,
            outputs=self.outputs,
            errors=self.errors,
            loops=self.loops,
            done=self.done,
            keys_declared=given.keys_declared,
            need_answers=self.need_answers,
        )

    def dead(self, code: ErrorCode, cause: str, step: str | None = None) -> End:
        """The run ends as dead here, or at `step`."""
        return End(self.run(), Outcome.DEAD, cause[:CAUSE_CHARACTERS], code, self.at if step is None else step)

    def filtered(self, reason: str) -> End:
        """The run ends as filtered here."""
        return End(self.run(), Outcome.FILTERED, reason, step=self.at)

    def unasked(self) -> End:
        """The run ends, as an answer came to nothing that was asked."""
        return self.dead(ErrorCode.RUN_INVALID, f"an answer came that step {self.at!r} did not ask for")

    def failed(self, node: Node, code: ErrorCode, cause: str) -> Node | End | None:
        """A step failed: where the flow goes on in spite of it, or the end."""
        if node.failing is None:
            return self.dead(code, cause)
        return self.recovered(node.path, node.failing, StepError(code=code, cause=cause[:CAUSE_CHARACTERS]))

    def recovered(self, path: str, failing: Failing, error: StepError, way: str = ON_ERROR) -> Node | None:
        """Where the flow goes on after a failure, which `errors` holds from here on."""
        self.trace(path, way)
        self.errors[failing.name or self.at] = error
        return failing.then
