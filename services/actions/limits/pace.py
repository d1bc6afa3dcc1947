"""How fast, and how many at once, a destination is called: less when it says busy, more while it does not. Pure.

Slow start, then additive increase and multiplicative decrease (V. Jacobson: Congestion Avoidance and Control, 1988), of
calls at once and of calls a second: a destination that counts calls a second answers each of them at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable

ROUND_SECONDS = 1.0
START_RATE, LEAST_RATE = 10.0, 0.5
FAST, SLOW, LESS = 1.5, 1.05, 0.8
# Without a limit again after so long without a word of busy.
CALM_SECONDS = 60.0
MOST_COUNTED = 4_000
# Of so many last answers, busy are at least so many, and such a part.
WINDOW, LEAST_TOLD, BUSY_PART = 100, 5, 0.2


class Pace:
    """`most`: calls at once. Nothing is limited until the destination says busy."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = float(most)
        self._clock = clock
        self._bound = float(most)
        self._threshold = float(most)
        self._rate = math.inf
        self._growth = FAST
        self._grown_at = self._cut_at = self._next_at = -math.inf
        self._said: deque[Hashable] = deque(maxlen=WINDOW)
        self._well: deque[float] = deque(maxlen=MOST_COUNTED)

    @property
    def bound(self) -> int:
        """Calls at once."""
        return max(1, math.floor(self._bound))

    @property
    def slowest(self) -> bool:
        """Whether it cannot be slower."""
        return self._bound < 2 and self._rate <= LEAST_RATE  # noqa: PLR2004 - one at once

    @property
    def limited(self) -> bool:
        """Whether it is slower than it could be."""
        return self._rate != math.inf

    def wait(self) -> float:
        """The seconds until a call may begin; 0: now."""
        self._grow()
        return 0.0 if self._rate == math.inf else max(0.0, self._next_at - self._clock())

    def began(self) -> None:
        """A call begins."""
        if self._rate != math.inf:
            now = self._clock()
            # What was missed is not caught up with, but for a tenth of a second.
            self._next_at = max(self._next_at, now - 0.1) + 1 / self._rate

    def well(self, at_work: int) -> None:
        """A call succeeded, one of so many at work."""
        self._well.append(self._clock())
        self._said.append(None)
        if at_work + 1 >= self._bound:
            more = 1.0 if self._bound < self._threshold else 1 / max(1.0, self._bound)
            self._bound = min(self._most, self._bound + more)

    def busy(self, lane: Hashable, at_work: int) -> None:
        """The destination said so to this lane. A few in a hundred are no reason, nor are those of one lane."""
        self._said.append(lane)
        told = [one for one in self._said if one is not None]
        if len(told) >= max(LEAST_TOLD, BUSY_PART * len(self._said)) and len(set(told)) > 1:
            self.less(at_work)

    def less(self, at_work: int) -> None:
        """Slower, once a round."""
        now = self._clock()
        if now - self._cut_at < ROUND_SECONDS:
            return
        borne = sum(1 for moment in self._well if now - moment <= ROUND_SECONDS)
        rate = borne / ROUND_SECONDS if borne else min(self._rate, START_RATE) / 2
        self._growth = SLOW if borne and self.limited else FAST
        self._rate = max(LEAST_RATE, min(self._rate, rate * LESS))
        self._threshold = self._bound = max(1.0, min(self._bound, float(at_work)) / 2)
        self._cut_at = self._grown_at = now
        self._next_at = now
        self._said.clear()

    def start_slowly(self) -> None:
        """After an outage."""
        now = self._clock()
        self._threshold, self._bound = max(1.0, self._most / 2), 1.0
        self._rate, self._growth = START_RATE, FAST
        self._cut_at = self._grown_at = self._next_at = now

    def _grow(self) -> None:
        now = self._clock()
        if self._rate == math.inf or (rounds := int((now - self._grown_at) / ROUND_SECONDS)) < 1:
            return
        self._grown_at += rounds * ROUND_SECONDS
        self._rate = self._rate * self._growth ** min(rounds, 60) + LEAST_RATE
        if now - self._cut_at > CALM_SECONDS:
            self._rate = math.inf
