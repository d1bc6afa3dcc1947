"""`action`: call something outside; its answer takes the step's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from contracts.actions import ActionRequest, Retry
from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.runs import Answer
from services.flows.call_urls import compile_inputs
from services.flows.catalogue import Action, Catalogue, Guarantee
from services.flows.cel import EvaluationError
from services.flows.check_inputs import known_of
from services.flows.check_values import ValueCheck
from services.flows.durations import shown
from services.flows.idempotency import ASSUMED
from services.flows.input_rules import guarantee_of, misplaced, verifiable
from services.flows.keys import DURATION, REACTION, TEXT, Key
from services.flows.nul_characters import without_nul
from services.flows.outcomes import Act, End
from services.flows.presence import PresenceState
from services.flows.scope import Scope
from services.flows.shapes import ANY, Shape
from services.flows.steps.fallible import (
    ID,
    ON_ERROR_KEY,
    WITH,
    FallibleStep,
    read_id,
    read_inputs,
    read_on_error,
    unknown,
    ways_of,
)
from services.flows.steps.kind import (
    Call,
    Description,
    Fallback,
    Look,
    Reaction,
    StepCheck,
    StepCompiler,
    StepReader,
    Way,
)
from services.flows.steps.node import DONE, ON_DEADLINE, ON_ERROR, Execution, Failing, Node
from services.flows.steps.parts import deadline, paginate, retry, writes
from services.flows.steps.parts.deadline import Deadline, DeadlineRule
from services.flows.steps.parts.paginate import PagesNode, PaginateRule
from services.flows.steps.parts.retry import RetryRule
from services.flows.steps.parts.writes import WritesNode, WritesRule
from services.flows.steps.registry import step_kind
from services.flows.sync import written
from services.flows.syntax import Value, Word
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree

_CONNECTION = re.compile(r"[a-z][a-z0-9_-]{0,62}")  # as in the connections file
_RETRY, _WRITES = retry.KEY, writes.KEY


@dataclass(frozen=True, slots=True)
class ActionStep(FallibleStep):
    """Call something outside."""

    kind = "action"
    rank = 20
    keys = (
        ID,
        Key("action", "the action's name", TEXT, required=True),
        Key("connection", "where the call goes: a name of the connections file", TEXT),
        WITH,
        _RETRY,
        ON_ERROR_KEY,
        deadline.KEY,
        Key("on_deadline", "what is done when it is too late: stop (the default), continue, or steps", REACTION),
        Key("timeout", "the longest that one call may take", DURATION),
        _WRITES,
        paginate.KEY,
    )

    action: Word
    connection: Word | None
    retry: RetryRule | None
    timeout_seconds: float | None
    writes: WritesRule | None = None
    deadline: DeadlineRule | None = None
    on_deadline: Reaction | None = None
    paginate: PaginateRule | None = None

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self | None:
        """None without the name of an action."""
        action = reader.word(keys["action"], "an action's name")
        connection = reader.word(keys["connection"], "a connection's name") if "connection" in keys else None
        step_id, on_error = read_id(reader, keys), read_on_error(reader, keys, path)
        rule = retry.read(reader, keys.get("retry"))
        timeout = reader.duration(keys.get("timeout"), "timeout")
        late = None
        if "on_deadline" in keys:
            late = reader.reaction(keys["on_deadline"], "on_deadline", f"{path}.on_deadline.")
        inputs = read_inputs(reader, keys, tree)
        if action is None:
            return None
        return cls(
            path=path,
            location=tree.location,
            id=step_id,
            inputs=inputs,
            on_error=on_error,
            action=action,
            connection=connection,
            retry=rule,
            timeout_seconds=timeout,
            writes=writes.read(reader, keys.get("writes"), action, connection),
            deadline=deadline.read(reader, keys.get("deadline")),
            on_deadline=late,
            paginate=paginate.read(reader, keys.get("paginate")),
        )

    @classmethod
    def entries(cls, catalogue: Catalogue) -> Mapping[str, Action]:
        """All actions."""
        return catalogue.actions

    def all_values(self) -> Iterator[Value]:
        """Its inputs, what it says that it writes, and until when it may be made."""
        yield self.inputs
        if self.paginate is not None:
            yield from (each for each in (self.paginate.items, self.paginate.next) if each is not None)
        if self.deadline is not None:
            yield from self.deadline.values()
        if self.writes is not None:
            yield from self.writes.values()

    def _reactions(self) -> tuple[Reaction, ...]:
        """What is done where it failed, and where it was too late."""
        return (self.on_error, self.on_deadline or Fallback.STOP)

    def ways(self) -> tuple[Way, ...]:
        """Done, or on in spite of its failure, or of its being too late."""
        failed, late = self._reactions()
        return ways_of((ON_ERROR, failed), (ON_DEADLINE, late))

    def call(self) -> Call:
        """This."""
        return self

    def output_shape(self, check: ValueCheck) -> Shape:
        """As the action declares it; of all pages, their items."""
        action = check.catalogue.actions.get(self.action.text)
        if self.paginate is not None:
            return paginate.shape(check, self.paginate, action, self.inputs)
        return self.entry_shape(action, check)

    def check(self, check: StepCheck) -> None:
        """The action, where it goes, what it is given, and whether it may be repeated."""
        known = check.catalogue
        action = known.actions.get(self.action.text)
        if action is None:
            text = unknown(self.action, "action", known.actions, "tool", known.tools)
            check.report(self.action.location, FaultCode.ACTION_UNKNOWN, text)
        elif action.needs_connection and self.connection is None:
            text = f"`{action.name}` needs `connection`: the name of where it goes, from the connections file"
            check.report(self.action.location, FaultCode.CONNECTION_MISSING, text)
        if self.connection is not None:
            _check_connection(check, self.connection)
        if action is not None and self.retry is not None:
            self._check_retry(check, action, self.retry)
        self.check_inputs(check, action, self.action)
        if action is not None:
            self._check_placed(check, action)
        if self.paginate is not None:
            paginate.check(check, self.paginate, action, self.inputs, self.id)
        if self.writes is not None:
            for word, value in self.writes.aliases:
                check.key(value, f"writes.{word.text}")
            check.inputs.value(self.writes.fields, ANY, "`writes.fields`")
        self._check_deadline(check)
        self.check_after(check)

    def _check_deadline(self, check: StepCheck) -> None:
        """Whether there is one, and time left."""
        if self.deadline is not None:
            deadline.check(check, self.deadline)
            deadline.check_left(check, self.deadline, "`deadline`")
        elif check.deadline is not None:
            deadline.check_left(check, check.deadline, "the flow's `deadline`")
        elif self.on_deadline is not None:
            text = "`on_deadline` never happens: neither this step nor the flow has a `deadline`. Write one"
            check.report(self.action.location, FaultCode.DEADLINE_PASSED, text)

    def _check_reaction(self, check: StepCheck, state: PresenceState, reaction: Reaction) -> PresenceState:
        """Steps inside of `on_deadline` have more time than the flow."""
        outside = check.deadline
        if reaction is self.on_deadline:
            check.deadline = None
        known = check.way(state, reaction if isinstance(reaction, tuple) else ())
        check.deadline = outside
        return known

    def _check_placed(self, check: StepCheck, action: Action) -> None:
        """What stands in the flow must go with its connection, or be right without one."""
        connection = self.connection.text if self.connection else None
        locations = {word.text: value.location for word, value in self.inputs.items}
        if (text := misplaced(action, known_of(self.inputs), connection)) is not None:
            location = locations.get(text.partition(":")[0], self.action.location)
            check.report(location, FaultCode.INPUT_VALUE, f"`{action.name}`: {text}")

    def _check_retry(self, check: StepCheck, action: Action, rule: RetryRule) -> None:
        """Retries of what must not be done twice, whatever its destination honours."""
        known = known_of(self.inputs)
        if (
            guarantee_of(action, known, ASSUMED) is Guarantee.AT_MOST_ONCE
            and rule.attempts != 1
            and not verifiable(action, known)
        ):
            text = (
                f"`{action.name}` must not be repeated: a second call is a second effect. Remove `retry`: what surely"
                " had no effect is tried again without it, and what is unknown a person decides"
            )
            check.report(rule.location, FaultCode.RETRY_UNSAFE, text)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """The node that asks for the call."""
        name = self.id.text if self.id else None
        return ActionNode(
            path=self.path,
            name=name,
            action=self.action.text,
            connection=self.connection.text if self.connection else None,
            inputs=compile_inputs(self.inputs, compiler.env),
            retry=retry.compile_retry(self.retry),
            timeout_seconds=self.timeout_seconds,
            failing=compiler.failing(self.on_error, following, name),
            following=following,
            writes=writes.compile_writes(self.writes, compiler.env),
            deadlines=(*compiler.deadline, *deadline.compile_deadline(self.deadline, compiler.env)),
            late=self._late(compiler, following, name),
            pages=paginate.compile_paginate(self.paginate),
        )

    def _late(self, compiler: StepCompiler, following: Node | None, name: str | None) -> Failing | None:
        """Where a run goes on that came too late; what is done there has more time than the flow."""
        outside, compiler.deadline = compiler.deadline, ()
        late = compiler.failing(self.on_deadline or Fallback.STOP, following, name)
        compiler.deadline = outside
        return late

    def describe(self) -> Description:
        """Its name, where it goes, what it is given, how long and how often it is tried, and what it sets."""
        details = [f"connection {self.connection.text}"] if self.connection is not None else []
        details += self.given_details()
        details += [self.paginate.told()] if self.paginate is not None else []
        details += self.retry.told() if self.retry is not None else ()
        details += [f"at most {shown(self.timeout_seconds)} a call"] if self.timeout_seconds is not None else []
        details += [self.deadline.told()] if self.deadline is not None else []
        details += ["goes on when it is too late"] if self.on_deadline is Fallback.CONTINUE else []
        details += [self.writes.told()] if self.writes is not None else []
        return Description(self.titled(self.action.text), (*details, *self.failure_details()), Look.CALL)


def _check_connection(check: StepCheck, name: Word) -> None:
    """Whether it is there; without a list of those that are, whether it can be."""
    if check.connections is not None and name.text not in check.connections:
        near = suggestion(name.text, check.connections)
        check.report(name.location, FaultCode.CONNECTION_UNKNOWN, f"no connection is named {name.text!r}: {near}")
    elif not _CONNECTION.fullmatch(name.text):
        text = f"{name.text!r} is no name of a connection: a-z, 0-9, - and _, at most 63, beginning with a letter"
        check.report(name.location, FaultCode.VALUE_INVALID, text)


@dataclass(frozen=True, slots=True)
class ActionNode(Node):
    """Ask services/actions for a call."""

    name: str | None
    action: str
    connection: str | None
    inputs: Callable[[Scope], dict[str, Any]]
    retry: Retry
    timeout_seconds: float | None
    following: Node | None
    writes: WritesNode | None
    deadlines: tuple[Deadline, ...] = ()
    """The step's and the flow's: the first of them counts."""
    late: Failing | None = None
    pages: PagesNode | None = None

    def advance(self, execution: Execution) -> Act:
        """The call. Its effect is named by the run and the step's place in it: the same on every replay."""
        scope = execution.scope
        inputs = self._inputs(execution)
        request = ActionRequest.model_construct(
            effect_id=stable_id(execution.given.id, execution.at),
            action=self.action,
            connection=self.connection,
            inputs=inputs,
            retry=self.retry,
            timeout_seconds=self.timeout_seconds,
            step=execution.at,
            name=self.name,
            last=self.following is None and self.pages is None,
            priority=execution.priority,
            resume_on_error=self.failing is not None,
            deadline=min((each.ends(scope) for each in self.deadlines), default=None),
            resume_on_deadline=None if self.late is None else True,
            run=execution.run(),
            requested=execution.now(),
        )
        write = self.writes.write(scope) if self.writes is not None else None
        return Act(request, written(request) if write is None else write)

    def _inputs(self, execution: Execution) -> dict[str, Any]:
        inputs = self.inputs(execution.scope)
        if self.pages is None:
            return inputs
        try:
            return self.pages.asks(execution, self.path, inputs)
        except EvaluationError:
            self.pages.leave(execution, self.path)
            raise

    def answered(self, execution: Execution, answer: Answer) -> Node | End | None:
        """On with what the call gave, or as `on_error` says."""
        if answer.effect_id != stable_id(execution.given.id, execution.at):
            return execution.unasked()
        execution.done += answer.done
        if (error := answer.error) is not None:
            if self.pages is not None:
                self.pages.leave(execution, self.path)
            if error.code is ErrorCode.TOO_LATE and self.late is not None:
                return execution.recovered(self.path, self.late, error, ON_DEADLINE)
            if self.failing is None:
                return execution.dead(error.code, error.cause)
            return execution.recovered(self.path, self.failing, error)
        outputs = without_nul(answer.outputs)
        if self.pages is not None:
            try:
                outputs = self.pages.takes(execution, self.path, outputs)
            except EvaluationError as failure:
                self.pages.leave(execution, self.path)
                return execution.failed(self, ErrorCode.EXPRESSION_FAILED, str(failure))
            if outputs is None:
                return self  # another page
        if self.name is not None:
            execution.outputs[self.name] = outputs
        if self.failing is not None or self.late is not None:
            execution.trace(self.path, DONE)
        return self.following


KIND = step_kind(ActionStep)
