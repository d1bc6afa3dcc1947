"""Which steps of a flow, and which ways out of them, the cases took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.flows.flow import Flow
from services.flows.steps.kind import walk
from services.flows.traces import FALSE, TRUE, WHEN


@dataclass(frozen=True, slots=True)
class CoveredPart:
    """A step (`way` is empty) or a way out of one, and where it stands."""

    path: str
    way: str
    label: str
    line: int

    def __str__(self) -> str:
        """`line 12: if 1: else`."""
        return f"line {self.line}: {self.label}" + (f": {self.way}" if self.way else "")


@dataclass(slots=True)
class Coverage:
    """All parts of one flow, and those that were taken."""

    flow: Flow
    parts: tuple[CoveredPart, ...] = ()
    taken: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parts = tuple(_parts(self.flow))

    def add(self, trace: Iterable[tuple[str, str]]) -> None:
        """Count what a run did."""
        self.taken.update(trace)

    @property
    def missing(self) -> list[CoveredPart]:
        """What no case took, in the order of the file."""
        return [part for part in self.parts if (part.path, part.way) not in self.taken]

    def count(self, *, ways: bool) -> tuple[int, int]:
        """How many steps (or ways) were taken, of how many."""
        parts = [part for part in self.parts if bool(part.way) == ways]
        return sum((part.path, part.way) in self.taken for part in parts), len(parts)

    @property
    def percent(self) -> float:
        """Steps and ways taken, of all; 100 only when nothing is missing."""
        return 100.0 * (len(self.parts) - len(self.missing)) / len(self.parts) if self.parts else 100.0


def _parts(flow: Flow) -> Iterable[CoveredPart]:
    if flow.when is not None:
        for name in (TRUE, FALSE):
            yield CoveredPart(WHEN, name, WHEN, flow.when.location.line)
    for step in walk(flow.steps):
        yield CoveredPart(step.path, "", step.label, step.location.line)
        for way in step.ways():
            if way.traced:
                yield CoveredPart(step.path, way.name, step.label, step.location.line)


def path_of(flow: Flow, trace: Iterable[tuple[str, str]]) -> list[str]:
    """A trace as people read it: a line a step, with the way that was taken where there are several."""
    labels = {step.path: step.label for step in walk(flow.steps)} | {WHEN: WHEN}
    lines: list[str] = []
    last = ""
    for path, way in trace:
        label = labels.get(path, path)
        if not way:
            lines.append(label)
        elif lines and last == path:
            lines[-1] = f"{label}: {way}"
        else:
            lines.append(f"{label}: {way}")
        last = path
    return lines
