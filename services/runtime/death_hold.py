"""Stops a bad deploy from draining a topic into the dead letters: what all ends as dead is held, and said so.

After a pause a few of its records are let through. When one of them lives, all go on, whenever its end comes; when one
dies, the pause is longer. While none comes to an end, a few more are let through after each further pause: one that is
lost on its way (parked, its partition given up) holds up nobody.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Gauge

from services.runtime import logging
from services.runtime.settings import DyingSettings

log = logging.get("guard")
WINDOW = 200
PAUSE_SECONDS = 30.0
MOST_PAUSE_SECONDS = 600.0
TRIALS = 5


@dataclass
class _Line:
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    row: int = 0
    pause: float = 0.0  # seconds; 0: it is not held
    first: float = 0.0  # what began before was at work when all were held
    until: float = 0.0  # what begins from now on tries whether it is still so
    again: float = 0.0  # when a few more are let through
    trials: int = 0


class DeathHold:
    """Of flows or of topics (`kind`), by name; `gauge`, by name too, is 1 while one is held.

    `row`: so many deaths one after the other hold it, 0: nothing is ever held; `part`: so many of its last 200 ends do.
    The first pause is `pause_seconds`.
    """

    def __init__(
        self,
        row: int,
        part: float,
        *,
        kind: str,
        gauge: Gauge,
        pause_seconds: float = PAUSE_SECONDS,
        longest_seconds: float = MOST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._row = row
        self._part = part
        self._kind = kind
        self._held, self._let = f"{kind}.held", f"{kind}.let_go"
        self._gauge = gauge
        self._pause = pause_seconds
        self._longest = longest_seconds
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._holding: set[str] = set()

    @classmethod
    def of(
        cls,
        settings: DyingSettings,
        *,
        kind: str,
        gauge: Gauge,
        longest_seconds: float = MOST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> DeathHold:
        """As an installation has set it."""
        return cls(
            settings.dead_letter_run,
            settings.dead_letter_ratio,
            kind=kind,
            gauge=gauge,
            pause_seconds=settings.dead_letter_pause_seconds,
            longest_seconds=longest_seconds,
            clock=clock,
        )

    def now(self) -> float:
        """What `ended` is to be told as `began`, when something begins."""
        return self._clock()

    def holds(self, name: str) -> bool:
        """Whether only a few are let through, after each pause."""
        return name in self._holding

    def held(self, name: str) -> float:
        """0: the next one may begin. Else the seconds until to ask again."""
        if name not in self._holding:
            return 0.0
        state, now = self._lines[name], self._clock()
        if state.trials <= 0:
            if now < state.again:
                return state.again - now
            state.trials, state.again = TRIALS, now + state.pause
        return 0.0

    def took(self, name: str) -> None:
        """One begins."""
        if name in self._holding:
            self._lines[name].trials -= 1

    def ended(self, name: str, *, dead: bool, began: float) -> None:
        """One came to its end. `began`: when its last attempt did, by the guard's clock."""
        if not self._row:
            return
        state = self._lines.setdefault(name, _Line())
        state.row = state.row + 1 if dead else 0
        state.recent.append(dead)
        if state.pause:
            if not dead and began >= state.first:
                self._let_go(name, state)
            elif dead and began >= state.until:
                self._hold(name, state)
        elif state.row >= self._row or (len(state.recent) == WINDOW and sum(state.recent) >= self._part * WINDOW):
            self._hold(name, state)

    def _hold(self, name: str, state: _Line) -> None:
        now, before = self._clock(), state.pause
        state.pause = min(self._longest, before * 2 or self._pause)
        state.until = state.again = now + state.pause
        if not before:
            state.first = state.until
        state.trials = 0
        state.recent.clear()
        self._holding.add(name)
        self._gauge.labels(name).set(1)
        log.error(
            self._held,
            **{self._kind: name},
            seconds=round(state.pause, 1),
            cause=f"{state.row} ended as dead one after the other, or most of the last {WINDOW}",
            remedy="look at `flows dead list`; what waits is done when one lives",
        )

    def _let_go(self, name: str, state: _Line) -> None:
        state.pause, state.row = 0.0, 0
        state.recent.clear()
        self._holding.discard(name)
        self._gauge.labels(name).set(0)
        log.info(self._let, **{self._kind: name})
