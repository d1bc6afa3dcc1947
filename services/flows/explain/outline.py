"""What there is to say of a flow: its steps, each with the ways out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.flows.catalogue import Catalogue
from services.flows.flow import Flow
from services.flows.repeats import Declared, told
from services.flows.steps.kind import Look, Step
from services.flows.wording import bare, said

More = Callable[[Step], tuple[str, ...]]
"""What else there is to say of a step."""


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
    look: Look
    title: str
    details: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    ends: bool = False


@dataclass(frozen=True, slots=True)
class FlowOutline:
    """A flow."""

    name: str
    description: str
    triggers: tuple[str, ...]
    key: str | None
    when: str | None
    priority: str | None
    deadline: str | None
    items: tuple[Item, ...]


def outline(flow: Flow, catalogue: Catalogue | None = None, declared: Declared | None = None) -> FlowOutline:
    """What there is to say of a flow that has no faults.

    With a catalogue, also what becomes of calls of unknown outcome; `declared`: by what connections declare.
    """

    def repeated(step: Step) -> tuple[str, ...]:
        call = step.call()
        what = None if catalogue is None or call is None else told(call, catalogue, declared)
        return () if what is None else (f"of unknown outcome, it is {what}",)

    return FlowOutline(
        name=flow.name.text,
        description=flow.description,
        triggers=tuple(word.text for word in flow.triggers),
        key=said(flow.key) if flow.key is not None else None,
        when=bare(flow.when) if flow.when is not None else None,
        priority=f"{flow.priority.text} priority" if flow.priority is not None else None,
        deadline=f"its calls {flow.deadline.told()}" if flow.deadline is not None else None,
        items=_items(flow.steps, repeated),
    )


def ends(items: Iterable[Item]) -> bool:
    """Whether no run gets past these steps."""
    return any(
        item.ends or (bool(item.branches) and all(branch.ends or ends(branch.items) for branch in item.branches))
        for item in items
    )


def _items(steps: tuple[Step, ...], more: More) -> tuple[Item, ...]:
    return tuple(_item(step, more) for step in steps)


def _item(step: Step, more: More) -> Item:
    words, ways = step.describe(), step.ways()
    return Item(
        path=step.path,
        look=words.look,
        title=words.title,
        details=(*words.details, *more(step)),
        branches=tuple(Branch(way.label or way.name, _items(way.steps, more), way.ends) for way in ways if way.drawn),
        ends=words.ends,
    )
