"""`wait`: for a time, or until a moment, and then until working hours; `cancel_on`: the event that ends it early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Self

from contracts.runs import EndedBy, Wake
from services.flows.cel import untyped
from services.flows.check_expression import check_expression
from services.flows.check_values import KEYS as KEY_KINDS
from services.flows.compile_values import compile_value
from services.flows.durations import DurationError, parse_duration
from services.flows.keys import DURATION, EXPRESSION, REACTION, TEXT, TRIGGER, Key, Keys, map_of, names, ref, required
from services.flows.names import EVENT, ROOTS
from services.flows.names import TRIGGER as TRIGGER_NAME
from services.flows.outcomes import End, Sleep
from services.flows.presence import Names, PresenceState, join
from services.flows.shapes import ANY, Kind
from services.flows.shapes import TEXT as TEXT_SHAPE
from services.flows.steps.kind import (
    Description,
    Fallback,
    Look,
    Reaction,
    Step,
    StepCheck,
    StepCompiler,
    StepReader,
    Way,
)
from services.flows.steps.node import Execution, Failing, Node
from services.flows.steps.parts import hours
from services.flows.steps.parts.hours import HoursRule
from services.flows.steps.registry import step_kind
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value, Word
from services.flows.waiting import Cancel, Wait, WaitMatch, moment_of, timer_id
from services.flows.wording import said
from services.flows.working_hours import zone_of
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Tree

DUE, CANCELLED = "due", "cancelled"
WAIT_KEYS: Keys = (
    Key("for", "how long", DURATION),
    Key("until", "a moment, such as ${ trigger.starts_at }", TEXT),
    hours.ZONE,
    Key("working_hours", "then until working hours", ref("hours")),
)
CANCEL_KEYS: Keys = (
    Key("trigger", "the event that ends the wait", TRIGGER, required=True),
    Key("key", "what the event must have as its key: the same contact, the same phone", EXPRESSION, required=True),
    Key("match", "reads the key of the event that comes; without it, its subject", EXPRESSION),
    Key("then", "what it does", REACTION),
)
_DEFINITIONS = {"hours": map_of(hours.KEYS), "wait": map_of(WAIT_KEYS), "cancel_on": map_of(CANCEL_KEYS)}
_LENGTHS = (Kind.TEXT, Kind.INT, Kind.NUMBER, Kind.ANY, Kind.UNION)
_MOMENTS = (Kind.TEXT, Kind.ANY, Kind.UNION)


@dataclass(frozen=True, slots=True)
class CancelRule:
    """The event that ends a wait early, and what happens then."""

    location: Location
    trigger: Word
    key: Value
    match: Expression | None
    then: Reaction


@dataclass(frozen=True, slots=True)
class WaitStep(Step):
    """Wait for a time, or until a moment, and then until working hours."""

    kind = "wait"
    rank = 70
    keys = (
        Key(
            "wait",
            "a duration, a moment, or working hours",
            {"anyOf": [DURATION, ref("wait")]},
            required=True,
        ),
        Key("cancel_on", "the event that ends the wait early", ref("cancel_on")),
    )
    definitions = _DEFINITIONS
    waits = True

    length: Value | None
    until: Value | None
    zone: Word | None
    hours: HoursRule | None
    cancel: CancelRule | None

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """A duration alone, or a map that says more."""
        given = keys["wait"]
        cancel = _read_cancel(reader, keys.get("cancel_on"), path)
        if not isinstance(given, MappingTree):
            return cls(path, tree.location, _read_length(reader, given, "wait"), None, None, None, cancel)
        parts = reader.keys(given, "`wait`", names(WAIT_KEYS))
        if "for" in parts and "until" in parts:
            text = "`wait` has `for` and `until`: keep one, or make two steps"
            reader.fault(given.location, FaultCode.VALUE_INVALID, text)
        if not parts.keys() & {"for", "until", "working_hours"}:
            reader.fault(given.location, FaultCode.KEY_MISSING, "`wait` needs `for`, `until` or `working_hours`")
        zone = hours.read_zone(reader, parts.get("zone"))
        return cls(
            path,
            tree.location,
            _read_length(reader, parts["for"], "for") if "for" in parts else None,
            _read_until(reader, parts["until"], zoned="zone" in parts) if "until" in parts else None,
            zone,
            hours.read(reader, parts["working_hours"], zone) if "working_hours" in parts else None,
            cancel,
        )

    def all_values(self) -> Iterator[Value]:
        """How long or until when, and by which key it is ended."""
        yield from (value for value in (self.length, self.until) if value is not None)
        if self.cancel is not None:
            yield self.cancel.key
            if self.cancel.match is not None:
                yield self.cancel.match

    def ways(self) -> tuple[Way, ...]:
        """The time has come, or the event."""
        if self.cancel is None:
            return ()
        then = self.cancel.then
        return Way(DUE), Way(CANCELLED, then if isinstance(then, tuple) else (), ends=then is Fallback.STOP)

    def triggers(self) -> tuple[Word, ...]:
        """The event that ends it."""
        return (self.cancel.trigger,) if self.cancel is not None else ()

    def check(self, check: StepCheck) -> None:
        """How long, and what is known where it is ended."""
        for value, name, kinds in ((self.length, "for", _LENGTHS), (self.until, "until", _MOMENTS)):
            if isinstance(value, Template):
                check.inputs.value(value, TEXT_SHAPE, f"`{name}` of `wait`")
            elif isinstance(value, Expression):
                shape = check.judge(value).shape
                if shape.kind not in kinds:
                    what = "a duration such as 2h, or a number of seconds" if name == "for" else "a moment, as text"
                    check.report(value.location, FaultCode.EXPRESSION_TYPE, f"`wait` takes {what}, this is {shape}")
        before = check.state
        due = replace(before, waited_seconds=before.waited_seconds + _at_least(self.length))
        check.state = due
        if self.cancel is not None:
            _check_cancel(check, self.cancel)
            ways = [due]
            if self.cancel.then is not Fallback.STOP:
                ways.append(check.way(before, self.cancel.then if isinstance(self.cancel.then, tuple) else ()))
            check.state = join(ways)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """When it ends, and by which event."""
        wait = Wait(
            compile_value(self.length, compiler.env) if self.length is not None else None,
            compile_value(self.until, compiler.env) if self.until is not None else None,
            zone_of(self.zone.text) if self.zone else None,
            hours.compile_hours(self.hours) if self.hours else None,
        )
        rule = self.cancel
        if rule is None:
            return WaitNode(self.path, wait, None, None, following)
        match = rule.match.source if rule.match else ""
        if rule.match:
            compiler.matches.append((rule.trigger.text, WaitMatch(match, compile_value(rule.match, untyped(ROOTS)))))
        cancel = Cancel(rule.trigger.text, compile_value(rule.key, compiler.env), match)
        return WaitNode(self.path, wait, cancel, compiler.failing(rule.then, following), following)

    def describe(self) -> Description:
        """How long, until when, and what ends it."""
        parts = [said(self.length)] if self.length is not None else []
        parts += [f"until {said(self.until)}"] if self.until is not None else []
        parts += [f"until working hours in {self.hours.zone.text}"] if self.hours is not None else []
        ended = (f"ended by {self.cancel.trigger.text} with {said(self.cancel.key)}",) if self.cancel else ()
        return Description(f"wait {', '.join(parts)}", ended, Look.WAIT)


def _at_least(length: Value | None) -> float:
    """How long a wait takes at least, in seconds, where it stands there."""
    try:
        return parse_duration(str(length.value).strip()) if isinstance(length, Constant) else 0.0
    except DurationError:
        return 0.0


def _read_length(reader: StepReader, tree: Tree, name: str) -> Value:
    """How long a wait is: a duration that stands there, or an expression."""
    value = reader.value(tree)
    if isinstance(value, Constant):
        reader.duration(tree, name)
    elif isinstance(value, ListOf | MapOf):
        reader.fault(tree.location, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
    return value


def _read_until(reader: StepReader, tree: Tree, *, zoned: bool) -> Value:
    """A moment that stands there, or an expression. Without an offset it needs a zone."""
    value = reader.value(tree)
    if isinstance(value, Constant):
        text = tree.text if isinstance(tree, Scalar) else ""
        try:
            moment_of(text, UTC if zoned else None)
        except ValueError:
            remedy = "write it as 2026-12-24T18:00:00+00:00, or without offset and with `zone`"
            reader.fault(tree.location, FaultCode.VALUE_INVALID, f"`until`: {text!r} is no moment: {remedy}")
        return Constant(text, tree.location)
    if isinstance(value, ListOf | MapOf):
        reader.fault(tree.location, FaultCode.VALUE_INVALID, "`until` is a moment, such as ${ trigger.starts_at }")
    return value


def _read_cancel(reader: StepReader, tree: Tree | None, path: str) -> CancelRule | None:
    if tree is None:
        return None
    if not isinstance(tree, MappingTree):
        text = '`cancel_on` is a map, such as { trigger: closum.lead.created, key: "${ trigger.email }" }'
        reader.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return None
    keys = reader.keys(tree, "`cancel_on`", names(CANCEL_KEYS), required=required(CANCEL_KEYS))
    trigger = reader.word(keys.get("trigger"), "a trigger's name")
    match = reader.value(keys["match"]) if "match" in keys else None
    if match is not None and not isinstance(match, Expression):
        text = "`match` is one expression, such as ${ trigger.email }: it reads the key of the event that comes"
        reader.fault(match.location, FaultCode.VALUE_INVALID, text)
        match = None
    then = reader.reaction(keys.get("then"), "then", f"{path}.cancel_on.")
    if trigger is None or "key" not in keys:
        return None
    return CancelRule(tree.location, trigger, reader.value(keys["key"]), match, then)


def _check_cancel(check: StepCheck, rule: CancelRule) -> None:
    """The event that ends a wait: its trigger, and the keys on both sides."""
    model = check.catalogue.triggers.get(rule.trigger.text)
    if model is None:
        near = suggestion(rule.trigger.text, check.catalogue.triggers)
        text = f"no trigger is named {rule.trigger.text!r}: {near}"
        check.report(rule.trigger.location, FaultCode.TRIGGER_UNKNOWN, text)
    check.key(rule.key, "cancel_on.key")
    if rule.match is not None:
        shape = check.shapes.of_model(model, "serialization", "`trigger`") if model else ANY
        seen = {TRIGGER_NAME: shape, EVENT: check.event([rule.trigger.text])}
        nothing = Names({}, {}, frozenset())
        found = check_expression(rule.match, check.types, seen, nothing, PresenceState(), report=check.report).shape
        if found.kind not in KEY_KINDS:
            check.report(rule.match.location, FaultCode.EXPRESSION_TYPE, f"`match` is a text, this is {found}")


@dataclass(frozen=True, slots=True)
class WaitNode(Node):
    """Wait. `cancelled` is where the run goes when an event ended the wait; None: it ends there, as filtered."""

    wait: Wait
    cancel: Cancel | None
    cancelled: Failing | None
    following: Node | None

    def advance(self, execution: Execution) -> Sleep:
        """Sleep, also until a moment that is over: so a step that is done again later does the same."""
        until = self.wait.ends(execution.scope, execution.now())
        cancel = self.cancel.hash(execution.scope) if self.cancel is not None else None
        return Sleep(execution.run(), timer_id(execution.given.id, execution.at), until, cancel)

    def woken(self, execution: Execution, wake: Wake) -> Node | End | None:
        """On, as what ended the wait says."""
        execution.wake = None
        if self.cancel is not None:
            execution.trace(self.path, DUE if wake.by is EndedBy.TIME else CANCELLED)
        if wake.by is EndedBy.TIME:
            return self.following
        if self.cancelled is None:
            return execution.filtered(wake.why or "cancelled")
        return self.cancelled.then


KIND = step_kind(WaitStep)
