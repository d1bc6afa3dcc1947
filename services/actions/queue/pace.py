"""How fast each flow's requests are finished while more of them wait. Pure accounting."""

from __future__ import annotations

import math
from collections.abc import Collection

# The best of lately counts, so much less of it each second: the pace of one second says little.
FADES = 0.9


class Pace:
    """Only of a flow that had more waiting for a whole second is it known what could be done of it."""

    def __init__(self) -> None:
        self._finished: dict[str, int] = {}
        self._known: dict[str, float] = {}

    def finished(self, flow: str) -> None:
        """One of its requests came to its end."""
        if flow in self._finished:
            self._finished[flow] += 1

    def tick(self, seconds: float, waiting: Collection[str]) -> None:
        """So many seconds passed, and these flows have more waiting now."""
        counted, self._finished = self._finished, dict.fromkeys(waiting, 0)
        self._known = {
            flow: max(counted[flow] / seconds, self._known.get(flow, 0.0) * FADES)
            for flow in waiting
            if flow in counted
        }

    def of(self, flow: str) -> float:
        """Requests a second; infinite: not known."""
        return self._known.get(flow, math.inf)
