"""A flow as text."""

from __future__ import annotations

from collections.abc import Iterator

from services.flows.explain.outline import FlowOutline, Item

STEP = "  "


def as_text(flow: FlowOutline) -> str:
    """The flow, read aloud."""
    return "\n".join(_lines(flow)) + "\n"


def _lines(flow: FlowOutline) -> Iterator[str]:
    yield f"{flow.name}: {flow.description}" if flow.description else flow.name
    yield f"When {' or '.join(flow.triggers)} happens"
    if flow.when is not None:
        yield f"and {flow.when}"
    if flow.priority is not None:
        yield f"with {flow.priority}"
    if flow.deadline is not None:
        yield f"{flow.deadline}"
    yield f"in order per {flow.key or 'subject of the event'}:"
    yield from _items(flow.items, STEP)


def _items(items: tuple[Item, ...], indent: str) -> Iterator[str]:
    for item in items:
        yield f"{indent}{item.title}"
        for detail in item.details:
            yield f"{indent}{STEP}{STEP}{detail}"
        for branch in item.branches:
            if branch.items:
                yield f"{indent}{STEP}{branch.label}:"
                yield from _items(branch.items, indent + 2 * STEP)
            elif branch.ends:
                yield f"{indent}{STEP}{branch.label}: the run ends"
