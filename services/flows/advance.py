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
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Answer, EndedBy, Outcome, Run, StepError, Wake
from services.flows.catalogue import StopRun, ToolError
from services.flows.cel import EvaluationError
from services.flows.compiled import (
    ActionNode,
    AgainNode,
    CompiledFlow,
    EachNode,
    IfNode,
    Node,
    SetNode,
    StopNode,
    SwitchNode,
    ToolNode,
    WaitNode,
)
from services.flows.iterations import at_of, path_of, rounds_of
from services.flows.needs import Need, Pause
from services.flows.nul_characters import without_nul
from services.flows.outcomes import Act, Ask, End, Next, Sleep
from services.flows.run_tool import drive
from services.flows.scope import Scope
from services.flows.sync import Write, canonical, written
from services.flows.traces import (
    CANCELLED,
    DEFAULT,
    DONE,
    DUE,
    ELSE,
    FALSE,
    ON_ERROR,
    THEN,
    TRUE,
    WHEN,
    Trace,
    case_way,
    untraced,
)
from services.flows.waiting import timer_id

CAUSE_CHARACTERS = 500


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
    walk = _Walk(flow, run, wake, now, trace)
    try:
        return walk.go(answer, answers)
    except Exception as error:  # noqa: BLE001 - an unforeseen error is a bug, and visible as one: a dead letter, not a stuck partition
        return replace(walk.dead(ErrorCode.BUG, f"{type(error).__name__}: {error}", walk.at), error=error)


class _Walk:
    """One call of `advance`: a copy of the run's state that steps change."""

    def __init__(self, flow: CompiledFlow, run: Run, wake: Wake | None, now: datetime | None, trace: Trace) -> None:
        self.flow = flow
        self.trace = trace
        self.given = run
        self.wake = wake
        self.now = now
        self.at = run.at
        self.outputs = dict(run.outputs)
        self.errors = dict(run.errors)
        self.done = run.done
        self.loops = dict(run.loops)
        self.rounds = rounds_of(run.at)
        self.scope = Scope(run.event, self.outputs, self.errors, flow.blanks)

    def go(self, answer: Answer | None, answers: Sequence[object]) -> Next:
        if not self.at:
            node = self.flow.first
            if (end := self.first()) is not None:
                return end
        else:
            found = self.flow.nodes.get(path_of(self.at))
            if found is None:
                return self.dead(ErrorCode.RUN_INVALID, f"this version of the flow has no step {self.at!r}", self.at)
            node = found
        if answer is not None:
            if not self.expects(answer, node):
                return self.dead(
                    ErrorCode.RUN_INVALID, f"an answer came that step {self.at!r} did not ask for", self.at
                )
            resumed = self.answered(node, answer)
            if isinstance(resumed, End):
                return resumed
            node = resumed
        if self.wake is not None and node is not None:
            woken = self.woken(node, self.wake)
            if isinstance(woken, End):
                return woken
            node = woken
        while node is not None:
            self.at = at_of(node.path, self.rounds)
            # Otherwise it was told when the step asked, or paused.
            if not answers and self.wake is None and not isinstance(node, AgainNode):
                self.trace(node.path, "")
            following = self.step(node, answers)
            if isinstance(following, Act | Ask | Sleep | End):
                return following
            node = following
            answers = ()
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
            if _truth(self.flow.when(self.scope)):
                self.trace(WHEN, TRUE)
                return None
        except EvaluationError as error:
            return self.dead(ErrorCode.EXPRESSION_FAILED, f"`{where}`: {error}", where)
        self.trace(WHEN, FALSE)
        return End(self.run(), Outcome.FILTERED, "`when` is not true", step="when")

    def step(self, node: Node, answers: Sequence[object]) -> Node | Next | None:
        """Do one step: the node that follows, None at the end, or what to give back."""
        try:
            if isinstance(node, ToolNode):
                return self.tool(node, answers)
            if isinstance(node, IfNode):
                true = _truth(node.condition(self.scope))
                self.trace(node.path, THEN if true else ELSE)
                return node.then if true else node.otherwise
            if isinstance(node, ActionNode):
                return self.act(node)
            if isinstance(node, SetNode):
                self.outputs.update(node.values(self.scope))
                return node.following
            if isinstance(node, EachNode | AgainNode):
                return self.each(node) if isinstance(node, EachNode) else self.again(node)
            if isinstance(node, SwitchNode):
                subject = node.subject(self.scope)
                case = (isinstance(subject, bool), _comparable(subject))
                self.trace(node.path, case_way(subject) if case in node.cases else DEFAULT)
                return node.cases.get(case, node.default)
            if isinstance(node, WaitNode):
                return self.wait(node)
            return self.stop(node)
        except EvaluationError as error:
            return self.failed(node, ErrorCode.EXPRESSION_FAILED, str(error))
        except _InputError as error:
            return self.failed(node, ErrorCode.INPUT_INVALID, str(error))
        except ToolError as error:
            return self.failed(node, ErrorCode.TOOL_FAILED, str(error))
        except StopRun as stop:
            return End(self.run(), Outcome.FILTERED, str(stop), step=self.at)

    def each(self, node: EachNode) -> Node | None:
        """Begin a loop."""
        items = node.items(self.scope)
        if not isinstance(items, list):
            raise EvaluationError("`for_each` goes over a list, this is none")
        if len(items) > node.limit:
            raise EvaluationError(f"`for_each` has {len(items)} items and `limit` is {node.limit}: nothing was done")
        if not items:
            return node.following
        self.loops[node.path] = items
        return self.round(node, 0)

    def again(self, node: AgainNode) -> Node | None:
        """The next round of a loop, or what comes after it."""
        loop = self.flow.nodes[node.path]
        assert isinstance(loop, EachNode)  # noqa: S101 - who makes an AgainNode makes it for a loop
        number = self.rounds[loop.path] + 1
        if number < len(self.loops[loop.path]):
            return self.round(loop, number)
        self.forget(loop)
        del self.loops[loop.path], self.rounds[loop.path], self.outputs[loop.name]
        return loop.following

    def round(self, node: EachNode, number: int) -> Node | None:
        self.forget(node)
        self.rounds[node.path] = number
        self.outputs[node.name] = self.loops[node.path][number]
        return node.first

    def forget(self, node: EachNode) -> None:
        """What steps gave in the round before is not what they give in this one."""
        for name in node.forgets:
            self.outputs.pop(name, None)
            self.errors.pop(name, None)

    def tool(self, node: ToolNode, answers: Sequence[object]) -> Node | Ask | Sleep | None:
        try:
            inputs = node.tool.inputs.model_validate(node.inputs(self.scope))
        except ValidationError as error:
            raise _InputError(_what_is_wrong(error)) from None
        result = drive(node.tool, inputs, answers)
        while isinstance(result, Pause):
            # By what the wake says and not by the clock: done again later, the step does the same.
            if self.wake is None or result.until > self.wake.due.timestamp():
                until = datetime.fromtimestamp(result.until, UTC)
                return Sleep(self.run(), timer_id(self.given.id, self.at, repr(result.until)), until)
            answers = (*answers, None)
            result = drive(node.tool, inputs, answers)
        if isinstance(result, Need):
            return Ask(self.run(), result, tuple(answers))
        if node.name is not None:
            self.outputs[node.name] = without_nul(result.model_dump(mode="json", by_alias=True, exclude_none=True))
        if node.failing is not None:
            self.trace(node.path, DONE)
        return node.following

    def act(self, node: ActionNode) -> Act:
        request = self.request(node)
        if node.writes is None:
            return Act(request, written(request))
        aliases = {kind: str(value) for kind, value in node.writes.aliases(self.scope).items() if value}
        fields = {canonical(name): value for name, value in node.writes.fields(self.scope).items()}
        return Act(request, Write(node.writes.system, aliases, fields) if aliases and fields else written(request))

    def request(self, node: ActionNode) -> ActionRequest:
        return ActionRequest.model_construct(
            effect_id=stable_id(self.given.id, self.at),
            action=node.action,
            connection=node.connection,
            inputs=node.inputs(self.scope),
            retry=node.retry,
            timeout_seconds=node.timeout_seconds,
            step=self.at,
            name=node.name,
            last=node.following is None,
            priority=self.flow.priority,
            resume_on_error=node.failing is not None,
            run=self.run(),
            requested=self.clock(),
        )

    def clock(self) -> datetime:
        return self.now or datetime.now(UTC)

    def wait(self, node: WaitNode) -> Sleep:
        until = node.wait.ends(self.scope, self.clock())
        cancel = node.cancel.hash(self.scope) if node.cancel is not None else None
        return Sleep(self.run(), timer_id(self.given.id, self.at), until, cancel)

    def woken(self, node: Node, wake: Wake) -> Node | End | None:
        """Where the run goes on after its wait. A tool that paused is done anew."""
        if wake.by is EndedBy.HAND:
            return End(self.run(), Outcome.FILTERED, wake.why or "cancelled by hand", step=self.at)
        if isinstance(node, ToolNode):
            return node
        if not isinstance(node, WaitNode):
            return self.dead(ErrorCode.RUN_INVALID, f"step {self.at!r} does not wait", self.at)
        self.wake = None
        if node.cancel is not None:
            self.trace(node.path, DUE if wake.by is EndedBy.TIME else CANCELLED)
        if wake.by is EndedBy.TIME:
            return node.following
        if node.cancelled is None:
            return End(self.run(), Outcome.FILTERED, wake.why or "cancelled", step=self.at)
        return node.cancelled.then

    def stop(self, node: StopNode) -> End:
        reason = node.reason(self.scope)
        return End(self.run(), Outcome.FILTERED, reason if isinstance(reason, str) else str(reason), step=self.at)

    def expects(self, answer: Answer, node: Node | None) -> bool:
        return (
            isinstance(node, ActionNode)
            and answer.step == self.at
            and answer.effect_id == stable_id(self.given.id, self.at)
        )

    def answered(self, node: Node | None, answer: Answer) -> Node | End | None:
        """Where the run goes on after the answer of the action that it stands at."""
        assert isinstance(node, ActionNode)  # noqa: S101 - `expects` said so
        self.done += answer.done
        if answer.error is None:
            if node.name is not None:
                self.outputs[node.name] = without_nul(answer.outputs)
            if node.failing is not None:
                self.trace(node.path, DONE)
            return node.following
        if node.failing is None:
            return self.dead(answer.error.code, answer.error.cause, self.at)
        self.trace(node.path, ON_ERROR)
        self.errors[node.name or self.at] = answer.error
        return node.failing.then

    def failed(self, node: Node, code: ErrorCode, cause: str) -> Node | End | None:
        """A step failed: where the flow goes on in spite of it, or the end."""
        if not isinstance(node, ToolNode | ActionNode) or node.failing is None:
            return self.dead(code, cause, self.at)
        self.trace(node.path, ON_ERROR)
        self.errors[node.name or self.at] = StepError(code=code, cause=cause[:CAUSE_CHARACTERS])
        return node.failing.then

    def dead(self, code: ErrorCode, cause: str, step: str) -> End:
        return End(self.run(), Outcome.DEAD, cause[:CAUSE_CHARACTERS], code, step)

    def run(self) -> Run:
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
        )


class _InputError(Exception):
    """A tool's inputs are of the wrong type."""


def _what_is_wrong(error: ValidationError) -> str:
    """Which inputs, and why; never their values, which may be personal data."""
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"`{'.'.join(str(part) for part in each['loc'])}`: {each['msg']}" for each in wrong[:5])


def _key(flow: CompiledFlow, scope: Scope) -> str:
    if flow.key is None:
        return scope.event.subject
    key = flow.key(scope)
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key:
        raise EvaluationError("it gave no text: a key is a text that is not empty")
    return key


def _truth(value: Any) -> bool:  # noqa: ANN401 - a JSON value
    if not isinstance(value, bool):
        raise EvaluationError(f"a condition is true or false, this one gave {type(value).__name__}")
    return value


def _comparable(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, str | int | float | bool | None):
        return value
    raise EvaluationError("`switch` compares a text, a number, true or false, not a list or a map")
