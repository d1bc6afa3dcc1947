"""One connection as this worker sees it: what it may do now. Decides at once, from what was leased before. No I/O."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from enum import Enum

from services.actions.connections.parts import ConnectionLimits

# A slot that is later than this is not used: else two seconds' calls would come in one.
LATE_SECONDS = 0.06
BLOCK_SECONDS = 0.1
ASK_AGAIN_SECONDS = 0.5
STORM_OUTCOMES = 20
# Failures that may be the lanes' own speak against the destination when they are most of so many lanes' outcomes.
LANES_OUTCOMES = 30
# So many failing lanes are known by name: more are no few, and the destination's fault.
MOST_FAILED = 10_000
STORM_PART = 0.5
ILL_PART = 0.8
MOST_PAUSE_SECONDS = 60.0
NEWS_SECONDS = 0.5
DAY_BLOCK = 50
UNKNOWN_WORKERS = 1_000_000  # until their number is known, each takes least


class Health(Enum):
    """What a call told of its destination."""

    WELL = "well"  # it answered, whatever it said of this call
    BUSY = "busy"  # 429, 503
    ILL = "ill"  # cut off, no answer, 5xx: of many lanes the destination's fault, of always the same their own
    AWAY = "away"  # refused, or no access token is to be had: so it would be for any lane


class Gate:
    """`lease()` is called when slots or a part of the day's quota should be leased: `leased` or `failed` answers.

    `trip(again)` is called when the destination is ill; `again`: the call that tried it failed too.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        most: int,
        lease: Callable[[], object],
        trip: Callable[[bool], object],
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._most = float(most)
        self._lease = lease
        self._trip = trip
        self._clock = clock
        self._slots: deque[float] = deque()
        self._quota = 0 if limits.per_day else None
        self._leasing = False
        self._not_before = 0.0
        self._pause_until = 0.0
        self._bound = float(most)
        self._cut_at = 0.0
        self._recent: deque[Health] = deque(maxlen=LANES_OUTCOMES)
        self._failed: OrderedDict[Hashable, None] = OrderedDict()
        self._open = False
        self._probe = False
        self._probing = False
        self.workers = UNKNOWN_WORKERS
        self.at_work = 0

    @property
    def block(self) -> int:
        """How many slots to lease at once."""
        rate = self._limits.requests_per_second or 0
        return max(1, round(rate * BLOCK_SECONDS))

    @property
    def opened(self) -> bool:
        """Whether the breaker is open: nothing may be called."""
        return self._open

    @property
    def probing(self) -> bool:
        """Whether the one call that tries an open breaker is under way."""
        return self._open and self._probing

    def take(self) -> float:
        """0: a call begins now. Else the seconds until to ask again."""
        now = self._clock()
        if self._open:
            if not self._probe or self.at_work:
                return ASK_AGAIN_SECONDS
        elif now < self._pause_until:
            return self._pause_until - now
        if self.at_work >= self._allowed():
            return ASK_AGAIN_SECONDS  # whoever ends a call looks for the next one itself
        wait = self._slot(now)
        if wait > 0:
            return wait
        self._probing, self._probe = self._probe, False
        self.at_work += 1
        return 0.0

    def turn(self) -> float:
        """0: another slot was taken, for a call that had begun and is late. Else the seconds until to ask again."""
        return self._slot(self._clock())

    def release(self) -> None:
        """A call ended, or came to nothing: then another one tries an open breaker in its place."""
        self.at_work -= 1
        if self.probing:
            self._probe, self._probing = True, False

    def failed_last(self, lane: Hashable) -> bool:
        """Whether its last call failed in a way that may be its own. Others are better to try a destination with."""
        return lane in self._failed

    def suspect(self, lane: Hashable) -> None:
        """Its last call failed so. What was known first is forgotten first."""
        self._failed[lane] = None
        self._failed.move_to_end(lane)
        if len(self._failed) > MOST_FAILED:
            self._failed.popitem(last=False)

    def told(self, lane: Hashable, health: Health, retry_after_seconds: float | None) -> None:
        """What a call of a lane told of the destination. A lane that fails again and again tells it once."""
        tried, self._probing = self.probing, False
        again = health in {Health.BUSY, Health.ILL} and self.failed_last(lane)
        if health is Health.WELL:
            self._failed.pop(lane, None)
            self._bound = min(self._most, self._bound + 1 / max(1.0, self._bound))
        elif health is not Health.AWAY:
            self.suspect(lane)
        if not again:
            self._recent.append(health)
        if tried and health is not Health.WELL:
            self._open_it(again=True)
        elif health is not Health.WELL and not again:
            self._spoke_against(retry_after_seconds)

    def pause(self, seconds: float) -> bool:
        """The destination takes nothing for so long, at most a minute; whether that is later than was known."""
        until = self._clock() + min(seconds, MOST_PAUSE_SECONDS)
        later = until - self._pause_until
        self._pause_until = max(self._pause_until, until)
        return later > NEWS_SECONDS

    def leased(self, first_in_seconds: float | None, slots: int, quota: int) -> None:
        """Slots from so many seconds on, and calls of the day's quota. None of both: ask later."""
        self._leasing = False
        now = self._clock()
        if first_in_seconds is not None and self._limits.requests_per_second:
            step = 1 / self._limits.requests_per_second
            self._slots.extend(now + first_in_seconds + number * step for number in range(slots))
        if self._quota is not None:
            self._quota += quota
            if not quota:
                self._not_before = now + MOST_PAUSE_SECONDS

    def failed(self) -> None:
        """Nothing could be leased now."""
        self._leasing = False
        self._not_before = self._clock() + ASK_AGAIN_SECONDS

    def breaker(self, *, opened: bool, probe: bool = False) -> None:
        """What all workers know: it is open, or not; with `probe`, this worker may try one call."""
        if self._open and not opened:
            self._recent.clear()
        self._open = opened
        self._probe = probe

    def _spoke_against(self, retry_after_seconds: float | None) -> None:
        if not self._open and self._ill():
            self._open_it(again=False)
        elif self._part(STORM_OUTCOMES, Health.BUSY) >= STORM_PART:
            now = self._clock()
            if now - self._cut_at > 1.0:
                self._cut_at = now
                self._bound = max(1.0, min(self._bound, self.at_work) / 2)
            if retry_after_seconds is not None:
                self.pause(retry_after_seconds)

    def _open_it(self, *, again: bool) -> None:
        self._recent.clear()
        self._open = True
        self._trip(again)

    def _allowed(self) -> float:
        share = math.inf
        if self._limits.concurrency:
            share = max(1, self._limits.concurrency // max(1, self.workers))
        return max(1.0, min(share, math.floor(self._bound)))

    def _ill(self) -> bool:
        away = self._part(STORM_OUTCOMES, Health.AWAY)
        return max(away, self._part(LANES_OUTCOMES, Health.AWAY, Health.ILL)) >= ILL_PART

    def _part(self, count: int, *healths: Health) -> float:
        """Of so many last outcomes; 0 while there were fewer."""
        if len(self._recent) < count:
            return 0.0
        return sum(one in healths for one in list(self._recent)[-count:]) / count

    def _slot(self, now: float) -> float:
        if not self._limits.requests_per_second and self._quota is None:
            return 0.0
        if now < self._not_before:
            return self._not_before - now
        slots = self._slots
        if self._limits.requests_per_second:
            late = LATE_SECONDS + ((self._limits.burst or 1) - 1) / self._limits.requests_per_second
            while slots and slots[0] < now - late:
                slots.popleft()
            if len(slots) <= self.block // 2:
                self._ask()
            if not slots:
                return ASK_AGAIN_SECONDS
            if slots[0] > now:
                return slots[0] - now
        if self._quota is not None and self._quota <= 0:
            self._ask()
            return ASK_AGAIN_SECONDS
        if slots:
            slots.popleft()
        if self._quota is not None:
            self._quota -= 1
        return 0.0

    def _ask(self) -> None:
        if not self._leasing:
            self._leasing = True
            self._lease()
