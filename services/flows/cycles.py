"""Flows that set each other off for ever: an action of one raises another's trigger, and so on back to the first.

A circle is broken by echo suppression (the trigger tells our own writes from others), by a `when` that is false for
what the action wrote, or by `allow_cycle`, with which the author says why it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.flows.catalogue import Catalogue
from services.flows.load import FlowSource
from services.flows.syntax import ActionStep, walk


@dataclass(frozen=True, slots=True)
class Link:
    """An action of one flow that raises the trigger of another, or of its own."""

    source: FlowSource
    step: ActionStep
    trigger: str
    target: FlowSource

    def __str__(self) -> str:
        """As a fault tells it."""
        action = self.step.action
        return f"{self.source.name} (`{action.text}` in line {action.place.line}) raises {self.trigger}"


Circle = tuple[Link, ...]


def links(flows: Sequence[FlowSource], catalogue: Catalogue) -> list[Link]:
    """All links that nothing breaks, in order of place."""
    started: dict[str, list[FlowSource]] = {}
    for flow in flows:
        for word in flow.flow.triggers:
            started.setdefault(word.text, []).append(flow)
    found: list[Link] = []
    for flow in flows:
        if flow.flow.allow_cycle is not None:
            continue
        for step in walk(flow.flow.steps):
            action = catalogue.actions.get(step.action.text) if isinstance(step, ActionStep) else None
            if action is None or not isinstance(step, ActionStep):
                continue
            for trigger in action.raises:
                if trigger not in catalogue.suppressed:
                    found += [Link(flow, step, trigger, target) for target in started.get(trigger, ())]
    return found


def circles(flows: Sequence[FlowSource], catalogue: Catalogue) -> Iterator[Circle]:
    """For each flow the shortest circle through it; each circle once, beginning with its first flow."""
    following: dict[int, list[Link]] = {}
    for link in links(flows, catalogue):
        following.setdefault(id(link.source), []).append(link)
    seen: set[frozenset[int]] = set()
    for flow in flows:
        circle = _shortest(flow, following)
        members = frozenset(id(link.source) for link in circle)
        if circle and members not in seen:
            seen.add(members)
            yield circle


def _shortest(start: FlowSource, following: Mapping[int, Sequence[Link]]) -> Circle:
    waiting: deque[Circle] = deque((link,) for link in following.get(id(start), ()))
    visited = {id(start)}
    while waiting:
        way = waiting.popleft()
        at = way[-1].target
        if at is start:
            return way
        if id(at) not in visited:
            visited.add(id(at))
            waiting.extend((*way, link) for link in following.get(id(at), ()))
    return ()


def told(circle: Circle) -> str:
    """What is wrong, and what breaks it."""
    way = ", ".join(str(link) for link in circle)
    ends = f"which starts {'itself' if len(circle) == 1 else circle[0].source.name} again"
    return (
        f"for ever: {way}, {ends}. Break it with a `when` that is false for what the action wrote, or end it otherwise"
        " and say how in `allow_cycle`"
    )
