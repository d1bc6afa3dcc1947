"""What is a line, and whether it holds: a healthy contact's p99 against that of a calm run beside it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FLOOR_SECONDS = 0.05
TIMES = 2.0
HOLDS, BROKEN = "holds", "broken"


def share(seconds: Sequence[float], part: float) -> float:
    """The value under which such a part lies (nearest rank); infinite of nothing.

    >>> share([3.0, 1.0, 2.0, 4.0], 0.5), share([3.0, 1.0], 0.99)
    (2.0, 3.0)
    """
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else math.inf


def bound(calm: float) -> float:
    """What a healthy contact's p99 may be beside somebody ill.

    >>> bound(0.010), bound(0.2)
    (0.05, 0.4)
    """
    return max(FLOOR_SECONDS, TIMES * calm)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, in seconds. Of a fault: `worst` is when the last lane moved again, `within` its bound."""

    case: str
    calls: int
    calm: tuple[float, float]
    ill: tuple[float, float]
    worst: float
    within: float
    lost: int
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the line holds."""
        measured = self.worst if math.isnan(self.ill[1]) else self.ill[1]
        return HOLDS if measured <= self.within and not self.lost else BROKEN


def compared(case: str, calm: Sequence[float], ill: Sequence[float], note: str = "") -> Row:
    """A line from what calls took; infinite: it never came."""
    lost = sum(map(math.isinf, [*calm, *ill]))
    calm_p99 = share(calm, 0.99)
    ills = (share(ill, 0.5), share(ill, 0.99))
    return Row(case, len(ill), (share(calm, 0.5), calm_p99), ills, max(ill), bound(calm_p99), lost, note)


def moved_again(
    due: Sequence[float], came: Sequence[float | None], lanes: Sequence[int], back: float
) -> Mapping[int, float]:
    """By each lane that waited when a part came back: the seconds until a call of it came. Infinite: none did.

    >>> moved_again([0, 1, 2, 9], [0.1, 12, 13, 9.1], [1, 1, 2, 3], 10.0)
    {1: 2.0, 2: 3.0}
    """
    waited: dict[int, float] = {}
    for moment, arrived, lane in zip(due, came, lanes, strict=True):
        arrival = math.inf if arrived is None else arrived
        if moment < back < arrival:
            waited[lane] = min(waited.get(lane, math.inf), arrival - back)
    return waited


def table(rows: Iterable[Row]) -> str:
    """For a terminal and for docs."""
    head = ("case", "calls", "calm p50", "calm p99", "ill p50", "ill p99", "worst", "bound", "verdict")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([row(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(row, lines[1:])])


def with_table(text: str, made: str) -> str:
    """Markdown whose table of cases is this one. Raises LookupError where it has none, or several."""
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith("| case ")]
    if len(places) != 1:
        raise LookupError(f"there are {len(places)} tables of cases")
    begin = end = places[0]
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return "\n".join([*lines[:begin], *made.split("\n"), *lines[end:]])


def _cells(row: Row) -> tuple[str, ...]:
    verdict = row.verdict + (f", {row.lost} lost" if row.lost else "") + (f" ({row.note})" if row.note else "")
    return (row.case, f"{row.calls:,}", *map(_shown, (*row.calm, *row.ill, row.worst, row.within)), verdict)


def _shown(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    if math.isinf(seconds):
        return "never"
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
