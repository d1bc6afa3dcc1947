"""Whether what was measured ends flat: the last quarter of a soak against the quarter before it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.soak.samples import Sample, series

MOST = {"memory": (1.05, 5.0), "rows": (1.10, 1000.0), "size": (1.10, 2.0)}
"""The last quarter may be so many times the one before, and so much more: MB, rows, MB."""
LAG_SECONDS = 2.0
"""Records behind are flat when they are less than so many seconds of the load."""


def faults(samples: Sequence[Sample], seconds: float, rate: float) -> list[str]:
    """What grows; empty when all is flat."""
    half, last = seconds / 2, seconds * 3 / 4
    found = []
    for what, (times, more) in MOST.items():
        for of, values in series(samples, what).items():
            before, now = _mean(values, half, last), _mean(values, last, seconds)
            if now > before * times + more:
                found.append(f"{what} of {of} grows: {before:,.1f}, then {now:,.1f}")
    for of, values in series(samples, "lag").items():
        if (behind := _mean(values, last, seconds)) > rate * LAG_SECONDS:
            found.append(f"{of} is {behind:,.0f} records behind at {rate:,.0f}/s")
    return found


def _mean(values: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    chosen = [value for second, value in values if begin <= second < end]
    return sum(chosen) / len(chosen) if chosen else 0.0
