"""What there is to say of a flow: its steps, each with the ways out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.flows.durations import shown
from services.flows.syntax import (
    ActionStep,
    Constant,
    Expression,
    Fallback,
    Flow,
    ForEachStep,
    IfStep,
    ListOf,
    MapOf,
    SetStep,
    Step,
    StopStep,
    SwitchStep,
    Template,
    ToolStep,
    Value,
    WaitStep,
)
from services.flows.traces import CANCELLED, DEFAULT, ELSE, ON_ERROR, THEN, case_way, kind_of

LONGEST_VALUE = 70


@dataclass(frozen=True, slots=True)
class Branch:
    """A way out of a step that has its own steps. `ends`: the run ends there without any."""

    label: str
    items: tuple[Item, ...]
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A step. `ends`: nothing comes after it."""

    path: str
    kind: str
    title: str
    details: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """A flow."""

    name: str
    description: str
    triggers: tuple[str, ...]
    key: str | None
    when: str | None
    items: tuple[Item, ...]


def outline(flow: Flow) -> Outline:
    """What there is to say of a flow that has no faults."""
    return Outline(
        name=flow.name.text,
        description=flow.description,
        triggers=tuple(word.text for word in flow.triggers),
        key=said(flow.key) if flow.key is not None else None,
        when=bare(flow.when) if flow.when is not None else None,
        items=_items(flow.steps),
    )


def ends(items: Iterable[Item]) -> bool:
    """Whether no run gets past these steps."""
    return any(
        item.ends or (bool(item.branches) and all(branch.ends or ends(branch.items) for branch in item.branches))
        for item in items
    )


def said(value: Value) -> str:
    """A value as its author would read it aloud, cut where it is long."""
    text = " ".join(_written(value).split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def bare(value: Value) -> str:
    """A condition, without the `${ }` around it."""
    return " ".join(value.source.split()) if isinstance(value, Expression) else said(value)


def _written(value: Value) -> str:
    if isinstance(value, Constant):
        if isinstance(value.value, bool):
            return str(value.value).lower()
        return "null" if value.value is None else str(value.value)
    if isinstance(value, Expression):
        return f"${{ {value.source} }}"
    if isinstance(value, Template):
        return "".join(part if isinstance(part, str) else f"${{ {part.source} }}" for part in value.parts)
    if isinstance(value, ListOf):
        return f"[{', '.join(map(_written, value.items))}]"
    return f"{{ {', '.join(f'{word.text}: {_written(each)}' for word, each in value.items)} }}"


def _items(steps: tuple[Step, ...]) -> tuple[Item, ...]:
    return tuple(_item(step) for step in steps)


def _item(step: Step) -> Item:
    return Item(
        path=step.path,
        kind=kind_of(step),
        title=_title(step),
        details=tuple(_details(step)),
        branches=tuple(_branches(step)),
        ends=isinstance(step, StopStep),
    )


def _title(step: Step) -> str:
    if isinstance(step, ToolStep | ActionStep):
        name = step.tool.text if isinstance(step, ToolStep) else step.action.text
        return f"{step.id.text}: {name}" if step.id is not None else name
    if isinstance(step, IfStep):
        return f"if {bare(step.condition)}"
    if isinstance(step, SwitchStep):
        return f"switch {bare(step.subject)}"
    if isinstance(step, StopStep):
        return f"stop: {said(step.reason)}"
    if isinstance(step, WaitStep):
        return f"wait {_length(step)}"
    if isinstance(step, ForEachStep):
        return f"for each {step.name.text} of {bare(step.items)}"
    return kind_of(step)


def _length(step: WaitStep) -> str:
    parts = []
    if step.length is not None:
        parts.append(said(step.length))
    if step.until is not None:
        parts.append(f"until {said(step.until)}")
    if step.hours is not None:
        parts.append(f"until working hours in {step.hours.zone.text}")
    return ", ".join(parts)


def _details(step: Step) -> Iterator[str]:
    if isinstance(step, ActionStep) and step.connection is not None:
        yield f"connection {step.connection.text}"
    if isinstance(step, ToolStep | ActionStep):
        yield from _pairs(step.inputs)
    if isinstance(step, SetStep):
        yield from _pairs(step.values)
    if isinstance(step, ActionStep) and step.retry is not None:
        rule = [f"{step.retry.attempts} times"] if step.retry.attempts else []
        rule += [f"within {shown(step.retry.within_seconds)}"] if step.retry.within_seconds else []
        yield f"tried {' '.join(rule)}"
    if isinstance(step, ToolStep | ActionStep) and step.on_error is Fallback.CONTINUE:
        yield "goes on when it fails"
    if isinstance(step, WaitStep) and step.cancel is not None:
        yield f"ended by {step.cancel.trigger.text} with {said(step.cancel.key)}"


def _pairs(values: MapOf) -> Iterator[str]:
    for word, value in values.items:
        yield f"{word.text}: {said(value)}"


def _branches(step: Step) -> Iterator[Branch]:
    if isinstance(step, IfStep):
        yield Branch(THEN, _items(step.then))
        yield Branch(ELSE, _items(step.otherwise))
    elif isinstance(step, SwitchStep):
        for case in step.cases:
            yield Branch(case_way(case.value.value).removeprefix("case "), _items(case.steps))
        yield Branch(DEFAULT, _items(step.default))
    elif isinstance(step, ToolStep | ActionStep):
        if isinstance(step.on_error, tuple):
            yield Branch("done", ())
            yield Branch(ON_ERROR, _items(step.on_error))
    elif isinstance(step, WaitStep):
        if step.cancel is not None:
            yield Branch("due", ())
            then = step.cancel.then
            yield Branch(CANCELLED, _items(then) if isinstance(then, tuple) else (), ends=then is Fallback.STOP)
    elif isinstance(step, ForEachStep):
        yield Branch("each", _items(step.do))
        yield Branch("no more", ())
