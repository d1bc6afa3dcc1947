"""Whether what was measured ends flat: the last third of a soak against the third before it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.soak.samples import Sample, series

MOST = {"memory": (1.05, 5.0), "rows": (1.10, 1000.0), "size": (1.10, 2.0)}
"""The last third may be so many times the one before, and so much more: MB, rows."""
LAG_SECONDS = 2.0
"""Records behind are flat when they are less than so many seconds of the load at any moment of the last third."""


def faults(samples: Sequence[Sample], seconds: float, rate: float) -> list[str]:
    """What grows; empty when all is flat."""
    found = []
    for what, (times, more) in MOST.items():
        for of, values in series(samples, what).items():
            before = _mean(values, seconds / 3, seconds * 2 / 3)
            last = _mean(values, seconds * 2 / 3, seconds)
            if last > before * times + more:
                found.append(f"{what} of {of} grows: {before:,.1f}, then {last:,.1f}")
    for of, values in series(samples, "lag").items():
        most = max((value for second, value in values if second >= seconds * 2 / 3), default=0.0)
        if most > rate * LAG_SECONDS:
            found.append(f"{of} is {most:,.0f} records behind at {rate:,.0f}/s")
    return found


def _mean(values: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    chosen = [value for second, value in values if begin <= second < end]
    return sum(chosen) / len(chosen) if chosen else 0.0
