"""A flow as an SVG picture. Steps stand under each other, ways of a step beside each other, and meet again below.

A flow is a series of steps in which each way comes back to where it left, or ends. So a picture needs no graph layout:
a block knows its size from its parts, and draws them where it is put.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from services.flows.explain.outline import Branch, FlowOutline, Item, ends
from services.flows.steps.kind import Look

SIGN = 7.2  # the width of a character at 12 px, of a monospaced font
LINE = 16
PAD = 10
GAP = 28
BETWEEN = 24
LABEL = 20
LONGEST = 44
MOST_DETAILS = 6
FILLS = {
    Look.START: "#e0f2fe",
    Look.STEP: "#ffffff",
    Look.CALL: "#dcfce7",
    Look.CHOICE: "#fef9c3",
    Look.WAIT: "#ede9fe",
    Look.STOP: "#fee2e2",
    Look.DELIVERED: "#e2e8f0",
}
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
    ' viewBox="0 0 {width:.0f} {height:.0f}" font-family="ui-monospace, monospace" font-size="12" role="img"'
    ' aria-label="{label}">\n'
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#475569"/></marker></defs>\n'
    '<rect width="100%" height="100%" fill="#f8fafc"/>\n'
)


def as_svg(flow: FlowOutline) -> str:
    """The picture, a whole SVG document."""
    start = Item("", Look.START, " or ".join(flow.triggers), _conditions(flow))
    items = (start, *flow.items)
    if not ends(flow.items):
        items = (*items, Item("end", Look.DELIVERED, "delivered"))
    width, height = _size(items)
    width, height = width + 2 * BETWEEN, height + 2 * BETWEEN
    drawn: list[str] = []
    _draw(items, width / 2, BETWEEN, drawn)
    label = escape(f"Flow {flow.name}: {flow.description}", quote=True)
    return HEAD.format(width=width, height=height, label=label) + "\n".join(drawn) + "\n</svg>\n"


def _conditions(flow: FlowOutline) -> tuple[str, ...]:
    when = (f"when {flow.when}",) if flow.when is not None else ()
    return (*when, *(each for each in (flow.priority, flow.deadline) if each is not None))


@dataclass(frozen=True, slots=True)
class _Box:
    """A step's own box."""

    lines: tuple[str, ...]
    width: float
    height: float


def _box(item: Item) -> _Box:
    details = item.details[:MOST_DETAILS] + (("…",) if len(item.details) > MOST_DETAILS else ())
    lines = tuple(one if len(one) <= LONGEST else one[: LONGEST - 1] + "…" for one in (item.title, *details))
    return _Box(lines, max(len(one) for one in lines) * SIGN + 2 * PAD, len(lines) * LINE + 2 * PAD - 4)


def _size(items: Sequence[Item]) -> tuple[float, float]:
    sizes = [_item_size(item) for item in items]
    return max((width for width, _ in sizes), default=0.0), sum(height for _, height in sizes) + GAP * (len(items) - 1)


def _item_size(item: Item) -> tuple[float, float]:
    box = _box(item)
    if not item.branches:
        return box.width, box.height
    columns = [_column(branch) for branch in item.branches]
    width = sum(width for width, _ in columns) + BETWEEN * (len(columns) - 1)
    return max(box.width, width), box.height + LABEL + max(height for _, height in columns) + GAP


def _column(branch: Branch) -> tuple[float, float]:
    width, height = _size(branch.items) if branch.items else (0.0, 0.0)
    return max(width, len(branch.label) * SIGN + 2 * PAD), height + GAP


def _draw(items: Sequence[Item], middle: float, top: float, drawn: list[str]) -> tuple[float, bool]:
    """Draw a series; where its last step ends below, and whether a run gets there."""
    y = top
    goes_on = True
    for number, item in enumerate(items):
        if number:
            if goes_on:
                _arrow(middle, y, y + GAP, drawn)
            y += GAP
        y, goes_on = _draw_item(item, middle, y, drawn)
    return y, goes_on


def _draw_item(item: Item, middle: float, top: float, drawn: list[str]) -> tuple[float, bool]:
    box = _box(item)
    left = middle - box.width / 2
    drawn.append(
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"'
        f' fill="{FILLS[item.look]}" stroke="#475569"/>'
    )
    for number, line in enumerate(box.lines):
        weight = ' font-weight="bold"' if not number else ' fill="#475569"'
        y = top + PAD + LINE * (number + 0.6)
        drawn.append(f'<text x="{left + PAD:.1f}" y="{y:.1f}"{weight}>{escape(line)}</text>')
    bottom = top + box.height
    return _draw_branches(item, middle, bottom, drawn) if item.branches else (bottom, not item.ends)


def _draw_branches(item: Item, middle: float, top: float, drawn: list[str]) -> tuple[float, bool]:
    columns = [_column(branch) for branch in item.branches]
    height = LABEL + max(height for _, height in columns)
    x = middle - (sum(width for width, _ in columns) + BETWEEN * (len(columns) - 1)) / 2
    foot = top + height + GAP
    any_goes_on = False
    for branch, (width, _) in zip(item.branches, columns, strict=True):
        centre = x + width / 2
        _elbow(middle, top, centre, top + LABEL / 2, drawn)
        drawn.append(
            f'<text x="{centre + 4:.1f}" y="{top + LABEL + 2:.1f}" fill="#475569">{escape(branch.label)}</text>'
        )
        y, goes_on = top + LABEL / 2, not branch.ends
        if branch.items:
            _arrow(centre, y, top + LABEL + GAP - 4, drawn)
            y, goes_on = _draw(branch.items, centre, top + LABEL + GAP - 4, drawn)
        if goes_on:
            any_goes_on = True
            _line(centre, y, centre, foot - GAP / 2, drawn)
            _elbow(centre, foot - GAP / 2, middle, foot, drawn)
        elif not branch.items:
            _line(centre, y, centre, top + LABEL + GAP / 2, drawn)
            drawn.append(f'<circle cx="{centre:.1f}" cy="{top + LABEL + GAP / 2 + 5:.1f}" r="5" fill="#b91c1c"/>')
        x += width + BETWEEN
    return foot, any_goes_on


def _arrow(x: float, top: float, bottom: float, drawn: list[str]) -> None:
    drawn.append(f'<path d="M{x:.1f} {top:.1f} V{bottom:.1f}" stroke="#475569" fill="none" marker-end="url(#tip)"/>')


def _line(x: float, y: float, to_x: float, to_y: float, drawn: list[str]) -> None:
    drawn.append(f'<path d="M{x:.1f} {y:.1f} L{to_x:.1f} {to_y:.1f}" stroke="#475569" fill="none"/>')


def _elbow(x: float, y: float, to_x: float, to_y: float, drawn: list[str]) -> None:
    """Across first where the lines part, down after."""
    drawn.append(f'<path d="M{x:.1f} {y:.1f} H{to_x:.1f} V{to_y:.1f}" stroke="#475569" fill="none"/>')
