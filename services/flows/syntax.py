"""A flow as written: frozen nodes with places. Names are not looked up yet.

A step's path says where it stands: `2` is the third step, `2.then.0` the first of its `then`, `2.cases.1.0` the first
step of its second case. Paths name steps in runs, effects and dead letters, and are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from services.flows.places import Origin, Place
from services.flows.yaml_tree import Plain


@dataclass(frozen=True, slots=True)
class Word:
    """A name that stands in the file: a trigger, a tool, an id."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without an expression in it."""

    value: Plain
    place: Place


@dataclass(frozen=True, slots=True)
class Expression:
    """What stands between `${` and `}`."""

    source: str
    origin: Origin

    @property
    def place(self) -> Place:
        """Its first character."""
        return self.origin.start


@dataclass(frozen=True, slots=True)
class Template:
    """Text around expressions: always gives text."""

    parts: tuple[str | Expression, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values."""

    items: tuple[Value, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values by name."""

    items: tuple[tuple[Word, Value], ...]
    place: Place


Value = Constant | Expression | Template | ListOf | MapOf


class Fallback(Enum):
    """What a step's failure does, where it has no steps of its own for it."""

    STOP = "stop"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how long a call is tried again, or after which waits. None: the contract's default."""

    attempts: int | None
    within_seconds: float | None
    place: Place
    schedule_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolStep:
    """Apply a tool; its output takes the step's name."""

    path: str
    place: Place
    id: Word | None
    tool: Word
    inputs: MapOf
    on_error: Fallback | tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class WritesRule:
    """What a call sets: the system, what the entity is known by there, the fields."""

    place: Place
    system: Word | None
    aliases: tuple[tuple[Word, Value], ...]
    fields: MapOf


@dataclass(frozen=True, slots=True)
class ActionStep:
    """Call something outside; its answer takes the step's name."""

    path: str
    place: Place
    id: Word | None
    action: Word
    connection: Word | None
    inputs: MapOf
    on_error: Fallback | tuple[Step, ...]
    retry: RetryRule | None
    timeout_seconds: float | None
    writes: WritesRule | None = None


@dataclass(frozen=True, slots=True)
class IfStep:
    """Go one way or the other."""

    path: str
    place: Place
    condition: Value
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """The steps for one value of a switch."""

    value: Constant
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SwitchStep:
    """Go the way of the case that equals the subject, else the default way."""

    path: str
    place: Place
    subject: Value
    cases: tuple[Case, ...]
    default: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SetStep:
    """Give names to values."""

    path: str
    place: Place
    values: MapOf


@dataclass(frozen=True, slots=True)
class StopStep:
    """End the run as filtered, for a reason."""

    path: str
    place: Place
    reason: Value


@dataclass(frozen=True, slots=True)
class HoursRule:
    """Working hours as written; `None` where the default holds."""

    zone: Word
    days: str | None
    hours: str | None
    holidays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelRule:
    """The event that ends a wait early, and what happens then."""

    place: Place
    trigger: Word
    key: Value
    match: Expression | None
    then: Fallback | tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Wait for a time, or until a moment, and then until working hours."""

    path: str
    place: Place
    length: Value | None
    until: Value | None
    zone: Word | None
    hours: HoursRule | None
    cancel: CancelRule | None


@dataclass(frozen=True, slots=True)
class ForEachStep:
    """Do steps for each item of a list, one after the other."""

    path: str
    place: Place
    items: Value
    name: Word
    limit: int
    do: tuple[Step, ...]


Step = ToolStep | ActionStep | IfStep | SwitchStep | SetStep | StopStep | WaitStep | ForEachStep


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow."""

    name: Word
    triggers: tuple[Word, ...]
    key: Value | None
    when: Value | None
    steps: tuple[Step, ...]
    description: str = ""
    allow_cycle: Word | None = None
    priority: Word | None = None


def below(step: Step) -> Iterator[tuple[Step, ...]]:
    """The lists of steps that stand inside a step."""
    if isinstance(step, IfStep):
        yield step.then
        yield step.otherwise
    elif isinstance(step, SwitchStep):
        yield from (case.steps for case in step.cases)
        yield step.default
    elif isinstance(step, ToolStep | ActionStep) and isinstance(step.on_error, tuple):
        yield step.on_error
    elif isinstance(step, ForEachStep):
        yield step.do
    elif isinstance(step, WaitStep) and step.cancel is not None and isinstance(step.cancel.then, tuple):
        yield step.cancel.then


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, also inside others, in the order of the file."""
    for step in steps:
        yield step
        for inner in below(step):
            yield from walk(inner)


def triggers_of(flow: Flow) -> list[Word]:
    """All triggers that a flow names: those that start it, and those that end its waits."""
    waits = (step for step in walk(flow.steps) if isinstance(step, WaitStep))
    return [*flow.triggers, *(wait.cancel.trigger for wait in waits if wait.cancel is not None)]
