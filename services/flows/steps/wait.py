"""`wait`: for a time, or until a moment, and then until working hours; `cancel_on`: the events that end it early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Self

from contracts.errors import ErrorCode
from contracts.runs import EndedBy, Wake
from services.flows.cel import untyped
from services.flows.check_expression import check_expression
from services.flows.check_values import KEYS as KEY_KINDS
from services.flows.check_values import ValueCheck
from services.flows.compile_values import compile_value
from services.flows.durations import SECONDS, DurationError, calendar_days, parse_duration
from services.flows.keys import DURATION, EXPRESSION, REACTION, TEXT, TRIGGER, Key, Keys, map_of, names, ref, required
from services.flows.names import EVENT, ROOTS, id_fault
from services.flows.names import TRIGGER as TRIGGER_NAME
from services.flows.outcomes import End, Sleep
from services.flows.presence import Names, PresenceState, join
from services.flows.shapes import ANY, Kind, Shape
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
from services.flows.steps.parts.hours import HoursRule, Zone
from services.flows.steps.registry import step_kind
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value, Word
from services.flows.waiting import Cancel, Wait, WaitMatch, moment_of, timer_id
from services.flows.wording import bare, said
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Sequence, Tree

DUE, CANCELLED = "due", "cancelled"
_NO_EVENT = (
    "the event that ended the wait and the run do not fit into one message together, or a worker of an older release"
    " ended it"
)
_DAYS = {**TEXT, "pattern": r"^\s*[0-9]+\s+(day|week)s?\s*$"}
WAIT_KEYS: Keys = (
    Key("for", "how long: 2h, or 1 day on the calendar of `zone`", {"anyOf": [DURATION, _DAYS]}),
    Key("until", "a moment, such as ${ trigger.starts_at }", TEXT),
    hours.ZONE,
    Key("working_hours", "then until working hours", ref("hours")),
)
CANCEL_KEYS: Keys = (
    Key("trigger", "the event that ends the wait", TRIGGER, required=True),
    Key("key", "what the event must have as its key: the same contact, the same phone", EXPRESSION, required=True),
    Key("match", "reads the key of the event that comes; without it, its subject", EXPRESSION),
    Key("as", "the name that the steps after it read the event by", TEXT),
    Key("then", "what it does", REACTION),
)
_DEFINITIONS = {"hours": map_of(hours.KEYS), "wait": map_of(WAIT_KEYS), "cancel_on": map_of(CANCEL_KEYS)}
_CANCEL_SCHEMA = {"anyOf": [ref("cancel_on"), {"type": "array", "minItems": 1, "items": ref("cancel_on")}]}
MOST_CANCELS = 10
_LENGTHS = (Kind.TEXT, Kind.INT, Kind.NUMBER, Kind.ANY, Kind.UNION)
_MOMENTS = (Kind.TEXT, Kind.ANY, Kind.UNION)


@dataclass(frozen=True, slots=True)
class CancelRule:
    """An event that ends a wait early, and what happens then. `name`: what its payload is read by."""

    location: Location
    trigger: Word
    key: Value
    match: Expression | None
    then: Reaction
    name: Word | None = None


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
        Key("cancel_on", "the event that ends the wait early, or a list of such events", _CANCEL_SCHEMA),
    )
    definitions = _DEFINITIONS
    waits = True

    length: Value | None
    until: Value | None
    zone: Zone | None
    hours: HoursRule | None
    cancel: CancelRule | None
    more_cancels: tuple[CancelRule, ...] = ()

    @property
    def _cancels(self) -> tuple[CancelRule, ...]:
        return (*((self.cancel,) if self.cancel is not None else ()), *self.more_cancels)

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """A duration alone, or a map that says more."""
        given = keys["wait"]
        first, *rest = _read_cancels(reader, keys.get("cancel_on"), path) or [None]
        more = tuple(each for each in rest if each is not None)
        if not isinstance(given, MappingTree):
            return cls(path, tree.location, _read_length(reader, given, "wait"), None, None, None, first, more)
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
            _read_length(reader, parts["for"], "for", zoned="zone" in parts) if "for" in parts else None,
            _read_until(reader, parts["until"], zoned="zone" in parts) if "until" in parts else None,
            zone,
            hours.read(reader, parts["working_hours"], zone) if "working_hours" in parts else None,
            first,
            more,
        )

    def all_values(self) -> Iterator[Value]:
        """How long or until when, in which zone, and by which keys it is ended."""
        zones = (self.zone, self.hours.zone if self.hours is not None else None)
        yield from (value for value in (self.length, self.until) if value is not None)
        yield from (zone for zone in dict.fromkeys(zones) if isinstance(zone, Expression))
        for rule in self._cancels:
            yield rule.key
            if rule.match is not None:
                yield rule.match

    def ways(self) -> tuple[Way, ...]:
        """The time has come, or one of the events."""
        if not self._cancels:
            return ()
        return Way(DUE), *(
            Way(
                self._way(number),
                rule.then if isinstance(rule.then, tuple) else (),
                label=_called(rule) if self.more_cancels else "",
                ends=rule.then is Fallback.STOP,
            )
            for number, rule in enumerate(self._cancels)
        )

    def _way(self, number: int) -> str:
        return f"{CANCELLED} {number + 1}" if self.more_cancels else CANCELLED

    def triggers(self) -> tuple[Word, ...]:
        """The events that end it."""
        return tuple(rule.trigger for rule in self._cancels)

    def outputs(self) -> tuple[Word, ...]:
        """The events that later steps read."""
        return tuple(rule.name for rule in self._cancels if rule.name is not None)

    def output_shapes(self, check: ValueCheck) -> Mapping[str, Shape]:
        """Each as its trigger declares it."""
        return {rule.name.text: _shape_of_event(check, rule) for rule in self._cancels if rule.name is not None}

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
        hours.check_zone(check, self.zone, "`zone` of `wait`")
        hours.check_zone(check, self.hours.zone if self.hours is not None else None, "`working_hours.zone`")
        before = check.state
        due = replace(before, waited_seconds=before.waited_seconds + _at_least(self.length))
        check.state = due
        if not self._cancels:
            return
        _check_different(check, self._cancels)
        ways = [due]
        for rule in self._cancels:
            check.state = due
            _check_cancel(check, rule)
            if rule.then is not Fallback.STOP:
                known = before.done(rule.name.text) if rule.name is not None else before
                ways.append(check.way(known, rule.then if isinstance(rule.then, tuple) else ()))
        check.state = join(ways)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """When it ends, and by which event."""
        wait = Wait(
            compile_value(self.length, compiler.env) if self.length is not None else None,
            compile_value(self.until, compiler.env) if self.until is not None else None,
            hours.compile_zone(self.zone, compiler.env) if self.zone else None,
            hours.compile_hours(self.hours, compiler.env) if self.hours else None,
        )
        ends = tuple(
            self._compile_cancel(compiler, rule, number, following) for number, rule in enumerate(self._cancels)
        )
        return WaitNode(self.path, wait, ends, following)

    def _compile_cancel(
        self, compiler: StepCompiler, rule: CancelRule, number: int, following: Node | None
    ) -> CancelNode:
        match = rule.match.source if rule.match else ""
        if rule.match:
            compiler.matches.append((rule.trigger.text, WaitMatch(match, compile_value(rule.match, untyped(ROOTS)))))
        cancel = Cancel(rule.trigger.text, compile_value(rule.key, compiler.env), match)
        name = rule.name.text if rule.name is not None else None
        return CancelNode(cancel, compiler.failing(rule.then, following), name, self._way(number))

    def describe(self) -> Description:
        """How long, until when, and what ends it."""
        parts = [said(self.length)] if self.length is not None else []
        if parts and self.zone is not None and self.hours is None:
            parts = [f"{parts[0]} in {hours.told_zone(self.zone)}"]
        parts += [f"until {said(self.until)}"] if self.until is not None else []
        parts += [f"until working hours in {hours.told_zone(self.hours.zone)}"] if self.hours is not None else []
        ended = (f"ended by {_called(rule)} with {said(rule.key)}" for rule in self._cancels)
        return Description(f"wait {', '.join(parts)}", tuple(ended), Look.WAIT)


def _called(rule: CancelRule) -> str:
    """The event, for people."""
    return f"{rule.trigger.text} as {rule.name.text}" if rule.name is not None else rule.trigger.text


def _shape_of_event(check: ValueCheck, rule: CancelRule) -> Shape:
    """What is read by the event's name: as `trigger` of a flow that the event starts."""
    model = check.catalogue.triggers.get(rule.trigger.text)
    if model is None or rule.name is None:
        return ANY
    payload = check.shapes.of_model(model, "serialization", "`trigger`")
    return check.shapes.once(f"`{rule.name.text}`", check.shapes.fields(payload))


def _at_least(length: Value | None) -> float:
    """How long a wait takes at least, in seconds, where it stands there. A zone may skip a whole day, once."""
    if not isinstance(length, Constant):
        return 0.0
    text = str(length.value).strip()
    try:
        days = calendar_days(text)
        return parse_duration(text) if days is None else (days - 1) * SECONDS["d"]
    except DurationError:
        return 0.0


def _read_length(reader: StepReader, tree: Tree, name: str, *, zoned: bool = False) -> Value:
    """How long a wait is: a duration that stands there, or an expression. Days on a calendar need a zone."""
    value = reader.value(tree)
    if isinstance(value, Constant):
        _read_duration(reader, tree, name, zoned=zoned)
    elif isinstance(value, ListOf | MapOf):
        reader.fault(tree.location, FaultCode.DURATION_INVALID, f"`{name}` is a duration, such as 30s or 2h")
    return value


def _read_duration(reader: StepReader, tree: Tree, name: str, *, zoned: bool) -> None:
    text = tree.text if isinstance(tree, Scalar) else ""
    try:
        days = calendar_days(text)
    except DurationError as error:
        reader.fault(tree.location, FaultCode.DURATION_INVALID, f"`{name}`: {error}")
        return
    if days is None:
        reader.duration(tree, name)
    elif not zoned:
        remedy = f"write wait: {{ for: {text.strip()}, zone: Europe/Lisbon }}, or {24 * days}h"
        said_ = f"`{name}`: {text.strip()!r} are days on a calendar, of 23 to 25 hours, and need a zone: {remedy}"
        reader.fault(tree.location, FaultCode.DURATION_INVALID, said_)


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


def _read_cancels(reader: StepReader, tree: Tree | None, path: str) -> list[CancelRule | None]:
    """One event, or a list of them."""
    if tree is None:
        return []
    if not isinstance(tree, Sequence):
        return [_read_cancel(reader, tree, f"{path}.cancel_on.")]
    if not 1 <= len(tree.items) <= MOST_CANCELS:
        text = f"`cancel_on` names 1 to {MOST_CANCELS} events, here are {len(tree.items)}"
        reader.fault(tree.location, FaultCode.VALUE_INVALID, text)
    found = [_read_cancel(reader, each, f"{path}.cancel_on.{number}.") for number, each in enumerate(tree.items)]
    return sorted(found, key=lambda each: each is None)


def _read_cancel(reader: StepReader, tree: Tree, prefix: str) -> CancelRule | None:
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
    name = reader.word(keys["as"], "the name of the event") if "as" in keys else None
    if name is not None and (why := id_fault(name.text)) is not None:
        reader.fault(name.location, FaultCode.ID_INVALID, why)
        name = None
    then = reader.reaction(keys.get("then"), "then", prefix)
    if name is not None and then is Fallback.STOP:
        text = f"nothing reads {name.text!r}: the run ends when this event comes. Give `then`, or remove `as`"
        reader.fault(name.location, FaultCode.VALUE_INVALID, text)
    if trigger is None or "key" not in keys:
        return None
    return CancelRule(tree.location, trigger, reader.value(keys["key"]), match, then, name)


def _check_different(check: StepCheck, rules: tuple[CancelRule, ...]) -> None:
    """Of two that every event fits alike, the second never comes."""
    seen: list[tuple[str, str, str]] = []
    for rule in rules:
        what = (rule.trigger.text, said(rule.key), bare(rule.match) if rule.match is not None else "")
        if what in seen:
            text = "an event like this ends the wait by an item before this one: remove one of them"
            check.report(rule.location, FaultCode.VALUE_INVALID, text)
        seen.append(what)


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
class CancelNode:
    """An event that ends a wait. `then` is where the run goes; None: it ends there, as filtered.

    `name` is what the event's payload is kept by, `way` what traces call it.
    """

    cancel: Cancel
    then: Failing | None
    name: str | None
    way: str


@dataclass(frozen=True, slots=True)
class WaitNode(Node):
    """Wait."""

    wait: Wait
    cancels: tuple[CancelNode, ...]
    following: Node | None

    def advance(self, execution: Execution) -> Sleep:
        """Sleep, also until a moment that is over: so a step that is done again later does the same."""
        until = self.wait.ends(execution.scope, execution.now())
        hashes = tuple(found for each in self.cancels if (found := each.cancel.hash(execution.scope)) is not None)
        keeps = any(each.name is not None for each in self.cancels)
        timer = timer_id(execution.given.id, execution.at)
        return Sleep(execution.run(), timer, until, hashes[0] if hashes else None, hashes[1:], keeps_event=keeps)

    def woken(self, execution: Execution, wake: Wake) -> Node | End | None:
        """On, as what ended the wait says."""
        execution.wake = None
        if wake.by is EndedBy.TIME:
            if self.cancels:
                execution.trace(self.path, DUE)
            return self.following
        ended = self._ended(execution, wake)
        execution.trace(self.path, ended.way if ended is not None else CANCELLED)
        if ended is None or ended.then is None:
            return execution.filtered(wake.why or "cancelled")
        if ended.name is not None:
            if wake.event is None:
                return execution.dead(ErrorCode.MESSAGE_TOO_LARGE, f"`{ended.name}`: {_NO_EVENT}")
            execution.outputs[ended.name] = wake.event.data
        return ended.then.then

    def _ended(self, execution: Execution, wake: Wake) -> CancelNode | None:
        """Which of the events came. Where only one of them has a key, the wake does not say it."""
        if len(self.cancels) == 1:
            return self.cancels[0]
        for each in self.cancels:
            own = each.cancel.hash(execution.scope)
            if own is not None and wake.cancel in (None, own):
                return each
        return None


KIND = step_kind(WaitStep)
