"""`advance`: what comes next for a run. Pure: no clock but the one given, no I/O, and the same answer every time.

A run's life:

    begin(flow, event) → run
    advance(flow, run) → Act: make this call; its answer comes back with the run
                       → Ask: this need has to be answered first
                       → Sleep: the run waits; a wake goes on with it
                       → End: delivered, filtered or dead
    advance(flow, run, answer=…) → …

Nothing that a flow or an event holds makes it raise: what cannot go on is an End with Outcome.DEAD and a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Answer, EndedBy, Outcome, Run, Wake
from services.flows.catalogue import StopRun, ToolError
from services.flows.cel import EvaluationError
from services.flows.compile_values import truth_of
from services.flows.compiled import CompiledFlow
from services.flows.iterations import at_of, path_of
from services.flows.outcomes import Act, Ask, End, Next, Sleep
from services.flows.scope import Scope
from services.flows.steps.node import Execution, Node, StepFailedError
from services.flows.traces import FALSE, TRUE, WHEN, Trace, untraced


def begin(flow: CompiledFlow, event: Event) -> Run:
    """The run of an event through a flow, before its first step. The same event gives the same run.

    Its key is the flow's `key`, else the event's subject. Where `key` fails, the run keeps the subject, and `advance`
    ends it: beginning never fails.
    """
    try:
        key = _key(flow, Scope(event, {}, {}, flow.blanks))
    except EvaluationError:
        key = event.subject
    return Run.model_construct(
        id=stable_id(flow.name, flow.version, event.account, event.source, event.happening),
        flow=flow.name,
        version=flow.version,
        event=event,
        key=key,
        at="",
        outputs={},
        errors={},
        loops={},
        done=0,
        keys_declared=True,
        need_answers=None,
    )


def advance(
    flow: CompiledFlow,
    run: Run,
    *,
    answer: Answer | None = None,
    answers: Sequence[object] = (),
    wake: Wake | None = None,
    now: datetime | None = None,
    trace: Trace = untraced,
) -> Next:
    """What comes next for the run.

    `answer` is that of the action which the run stands at; `answers` are those of the needs which the tool that it
    stands at has asked for so far; `wake` is the end of the wait that it stands at. `run` is not changed. `now` dates
    requests and begins waits; absent, it is the clock's.
    A flow whose `when` is not true ends as filtered. `trace` is told which steps are done and which ways are taken.
    """
    walk = _Walk(flow, run, wake=wake, answers=answers, now=now, trace=trace)
    try:
        return walk.go(answer)
    except Exception as error:  # noqa: BLE001 - an unforeseen error is a bug, and visible as one: a dead letter, not a stuck partition
        return replace(walk.dead(ErrorCode.BUG, f"{type(error).__name__}: {error}"), error=error)


_HANDED_OUT = (Act, Ask, Sleep, End)


class _Walk(Execution):
    """From step to step, until something is to be given back."""

    def __init__(
        self,
        flow: CompiledFlow,
        run: Run,
        *,
        wake: Wake | None,
        answers: Sequence[object],
        now: datetime | None,
        trace: Trace,
    ) -> None:
        super().__init__(
            run, flow.nodes, flow.blanks, priority=flow.priority, wake=wake, answers=answers, now=now, trace=trace
        )
        self.flow = flow

    def go(self, answer: Answer | None) -> Next:
        node: Node | End | None
        if not self.at:
            node = self.flow.first
            if (end := self.first()) is not None:
                return end
        else:
            node = self.nodes.get(path_of(self.at))
            if node is None:
                return self.dead(ErrorCode.RUN_INVALID, f"this version of the flow has no step {self.at!r}")
        if answer is not None:
            node = self.unasked() if node is None or answer.step != self.at else node.answered(self, answer)
            if isinstance(node, End):
                return node
        if self.wake is not None and node is not None:
            node = self.woken(node, self.wake)
            if isinstance(node, End):
                return node
        while node is not None:
            self.at = at_of(node.path, self.iterations)
            # Otherwise it was told when the step asked, or paused.
            if not self.answers and self.wake is None and node.traced:
                self.trace(node.path, "")
            following = self.step(node)
            if isinstance(following, _HANDED_OUT):
                return following
            node = following
            self.answers = ()
            self.wake = None
        return End(self.run(), Outcome.DELIVERED)

    def first(self) -> End | None:
        """What is decided before the first step: the key and `when`."""
        where = "key"
        try:
            _key(self.flow, self.scope)
            where = "when"
            if self.flow.when is None:
                return None
            if truth_of(self.flow.when(self.scope)):
                self.trace(WHEN, TRUE)
                return None
        except EvaluationError as error:
            return self.dead(ErrorCode.EXPRESSION_FAILED, f"`{where}`: {error}", where)
        self.trace(WHEN, FALSE)
        return End(self.run(), Outcome.FILTERED, "`when` is not true", step="when")

    def step(self, node: Node) -> Node | Next | None:
        """Do one step: the node that follows, None at the end, or what to give back."""
        try:
            return node.advance(self)
        except EvaluationError as error:
            return self.failed(node, ErrorCode.EXPRESSION_FAILED, str(error))
        except StepFailedError as error:
            return self.failed(node, error.code, str(error))
        except ToolError as error:
            return self.failed(node, ErrorCode.TOOL_FAILED, str(error))
        except StopRun as stop:
            return self.filtered(str(stop))

    def woken(self, node: Node, wake: Wake) -> Node | End | None:
        """Where the run goes on after its wait."""
        if wake.by is EndedBy.HAND:
            return self.filtered(wake.why or "cancelled by hand")
        return node.woken(self, wake)


def _key(flow: CompiledFlow, scope: Scope) -> str:
    if flow.key is None:
        return scope.event.subject
    key = flow.key(scope)
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str):
        raise EvaluationError("it gave no text: a key is a text")
    return key or scope.event.subject  # an empty text counts as absent
