"""A flow as written. Names are not looked up yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.flows.steps.kind import Step, walk
from services.flows.steps.parts.deadline import DeadlineRule
from services.flows.syntax import MapOf, Value, Word


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
    deadline: DeadlineRule | None = None
    vars: MapOf | None = None
    """The values of the deployment that it reads."""


def triggers_of(flow: Flow) -> list[Word]:
    """All triggers that a flow names: those that start it, and those that end its waits."""
    return [*flow.triggers, *(word for step in walk(flow.steps) for word in step.triggers())]


def values_of(flow: Flow) -> Iterator[Value]:
    """All values that stand in a flow."""
    yield from (value for value in (flow.key, flow.when, flow.vars) if value is not None)
    if flow.deadline is not None:
        yield from flow.deadline.values()
    for step in walk(flow.steps):
        yield from step.all_values()
