"""`deadline`: the moment after which a call is not made any more. It runs always, also while a destination is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.flows.check_values import ValueCheck
from services.flows.compile_values import Compiled, compile_value
from services.flows.durations import DurationError, parse_duration, shown
from services.flows.keys import DURATION, TEXT, Key
from services.flows.parse_values import Values
from services.flows.scope import Scope
from services.flows.shapes import TEXT as TEXT_SHAPE
from services.flows.shapes import Kind
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Value
from services.flows.waiting import moment_given, moment_of
from services.flows.wording import said
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Tree

FORMS = "a duration from the acceptance of the event, such as 2h, or a moment, such as ${ trigger.starts_at }"
KEY = Key(
    "deadline",
    "when calls are not made any more: a duration from the acceptance of the event, or a moment",
    {"anyOf": [DURATION, TEXT]},
)
_MOMENTS = (Kind.TEXT, Kind.TIME, Kind.ANY, Kind.UNION)


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """So long after the acceptance of the event, or at a moment: one of the two."""

    location: Location
    after_seconds: float | None
    moment: Value | None

    def values(self) -> Iterator[Value]:
        """The moment, where it is one."""
        if self.moment is not None:
            yield self.moment

    def told(self) -> str:
        """As people read it."""
        if self.after_seconds is not None:
            return f"not later than {shown(self.after_seconds)} after its event"
        return f"not after {said(self.moment)}" if self.moment is not None else ""


def read(values: Values, tree: Tree | None) -> DeadlineRule | None:
    """The rule that stands there."""
    if tree is None:
        return None
    value = values.value(tree)
    if isinstance(value, ListOf | MapOf):
        values.fault(tree.location, FaultCode.VALUE_INVALID, f"`deadline` is {FORMS}")
        return None
    if not isinstance(value, Constant):
        return DeadlineRule(tree.location, None, value)
    text = str(value.value)
    try:
        return DeadlineRule(tree.location, parse_duration(text.strip()), None)
    except DurationError as error:
        try:
            moment_of(text, None)
        except ValueError:
            # What has a unit was meant as a duration.
            if text[:1].isdigit() and "-" not in text:
                values.fault(tree.location, FaultCode.DURATION_INVALID, f"`deadline`: {error}")
            else:
                said_ = f"`deadline`: {text!r} is neither. It is {FORMS}, written as 2026-12-24T18:00:00+00:00"
                values.fault(tree.location, FaultCode.VALUE_INVALID, said_)
            return None
    return DeadlineRule(tree.location, None, Constant(text, tree.location))


def check(check: ValueCheck, rule: DeadlineRule) -> None:
    """The moment is one; and time is left when the run comes here."""
    if isinstance(rule.moment, Expression):
        shape = check.judge(rule.moment).shape
        if shape.kind not in _MOMENTS:
            check.report(
                rule.location, FaultCode.EXPRESSION_TYPE, f"`deadline` takes a moment, as text, this is {shape}"
            )
    elif rule.moment is not None and not isinstance(rule.moment, Constant):
        check.inputs.value(rule.moment, TEXT_SHAPE, "`deadline`")


def check_left(check: ValueCheck, rule: DeadlineRule, what: str) -> None:
    """Whether calls here can be in time: the waits before may be longer."""
    waited = check.state.waited_seconds
    if rule.after_seconds is not None and rule.after_seconds <= waited:
        text = (
            f"{what} is {shown(rule.after_seconds)} after the event, and a run that comes here has waited"
            f" {shown(waited)}: every call would be too late. Make the deadline longer, or the wait shorter"
        )
        check.report(rule.location, FaultCode.DEADLINE_PASSED, text)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The rule, compiled."""

    after_seconds: float | None
    moment: Compiled | None

    def ends(self, scope: Scope) -> datetime:
        """The moment, in UTC. Raises EvaluationError."""
        if self.after_seconds is not None:
            event = scope.event
            return (event.accepted or event.time) + timedelta(seconds=self.after_seconds)
        return moment_given(self.moment(scope) if self.moment is not None else None, None, "deadline")


def compile_deadline(rule: DeadlineRule | None, env: Any) -> tuple[Deadline, ...]:  # noqa: ANN401 - the binding is untyped
    """None or one, as runs ask for it."""
    if rule is None:
        return ()
    return (Deadline(rule.after_seconds, None if rule.moment is None else compile_value(rule.moment, env)),)
