"""Stops a bad deploy from draining a topic into the dead letters: a flow whose calls all die is held, and said so.

After a pause a few of its calls are let through. When one of them lives, the flow goes on; else the pause is longer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from services.runtime import logging, metrics

log = logging.get("guard")
WINDOW = 200
PAUSE_SECONDS = 30.0
MOST_PAUSE_SECONDS = 600.0
TRIALS = 5


@dataclass
class _Flow:
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    row: int = 0
    pause: float = 0.0  # seconds; 0: the flow is not held
    until: float = 0.0
    trials: int = 0


class Guard:
    """`row`: so many deaths one after the other hold a flow; `part`: so many of its last 200 ends do."""

    def __init__(self, row: int, part: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._row = row
        self._part = part
        self._clock = clock
        self._flows: dict[str, _Flow] = {}
        self._holding: set[str] = set()

    def held(self, flow: str) -> float:
        """0: its next call may begin. Else the seconds until to ask again."""
        if flow not in self._holding:
            return 0.0
        state, now = self._flows[flow], self._clock()
        if now < state.until:
            return state.until - now
        if state.trials <= 0:
            # Those that were let through have come to no end yet: others are let through after another pause.
            state.trials, state.until = TRIALS, now + state.pause
            return state.pause
        return 0.0

    def took(self, flow: str) -> None:
        """A call of it begins."""
        if flow in self._holding:
            self._flows[flow].trials -= 1

    def ended(self, flow: str, *, dead: bool) -> None:
        """A call of it came to its end."""
        state = self._flows.setdefault(flow, _Flow())
        state.row = state.row + 1 if dead else 0
        state.recent.append(dead)
        if state.pause:
            if self._clock() < state.until:
                return  # it was at work when the flow was held
            if dead:
                self._hold(flow, state)
            else:
                self._let_go(flow, state)
        elif state.row >= self._row or (len(state.recent) == WINDOW and sum(state.recent) >= self._part * WINDOW):
            self._hold(flow, state)

    def _hold(self, flow: str, state: _Flow) -> None:
        state.pause = min(MOST_PAUSE_SECONDS, state.pause * 2 or PAUSE_SECONDS)
        state.until = self._clock() + state.pause
        state.trials = TRIALS
        state.recent.clear()
        self._holding.add(flow)
        metrics.FLOW_HELD.labels(flow).set(1)
        log.error(
            "flow.held",
            flow=flow,
            seconds=round(state.pause),
            cause=f"{state.row} of its calls have died one after the other, or most of the last {WINDOW}",
            remedy="look at `flows dead list`; what waits is done when a call succeeds",
        )

    def _let_go(self, flow: str, state: _Flow) -> None:
        state.pause, state.row = 0.0, 0
        state.recent.clear()
        self._holding.discard(flow)
        metrics.FLOW_HELD.labels(flow).set(0)
        log.info("flow.let_go", flow=flow)
