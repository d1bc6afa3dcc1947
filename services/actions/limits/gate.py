"""One connection as this worker sees it: what it may do now. Decides at once, from what was leased before. No I/O."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from services.actions.connections.parts import ConnectionLimits
from services.actions.limits.evidence import Evidence, Word
from services.actions.limits.pace import Pace

# A slot that is later than this is not used: else two seconds' calls would come in one.
LATE_SECONDS = 0.06
BLOCK_SECONDS = 0.1
ASK_AGAIN_SECONDS = 0.5
STORM_PART = 0.5
# So long nothing is sent because a destination says that nothing is left; then it is asked.
MOST_PAUSE_SECONDS = 60.0
# So long, because most lanes were told by Retry-After to come later.
MOST_LATER_SECONDS = 3_600.0
NEWS_SECONDS = 0.5
DAY_BLOCK = 50
UNKNOWN_WORKERS = 1_000_000  # until their number is known, each takes least
TRIAL_SECONDS, MOST_TRIAL_SECONDS = 5.0, 60.0


@dataclass(slots=True)
class _HeldStep:
    """Its calls wait; one is let through at `again`, then after `pause`, which grows with each that fails."""

    pause: float
    again: float
    tried: bool = False


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
        self._lease = lease
        self._trip = trip
        self._clock = clock
        self._slots: deque[float] = deque()
        self._quota = 0 if limits.per_day else None
        self._leasing = False
        self._not_before = 0.0
        self._pause_until = 0.0
        self._evidence = Evidence(clock)
        self._pace = Pace(most, clock)
        self._held: dict[Hashable, _HeldStep] = {}
        self._stood = 0.0
        self._open_since: float | None = None
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
        return self._open_since is not None

    @property
    def probing(self) -> bool:
        """Whether the one call that tries an open breaker is under way."""
        return self.opened and self._probing

    @property
    def stood(self) -> float:
        """For how many seconds in all nothing could be called: only what two such numbers differ by says something."""
        return self._stood + (0.0 if self._open_since is None else self._clock() - self._open_since)

    def take(self) -> float:
        """0: a call begins now. Else the seconds until to ask again."""
        now = self._clock()
        if self.opened:
            if not self._probe or self.at_work:
                return ASK_AGAIN_SECONDS
        elif now < self._pause_until:
            return self._pause_until - now
        elif (wait := self._pace.wait()) > 0:
            return wait
        if self.at_work >= self._allowed():
            return ASK_AGAIN_SECONDS  # whoever ends a call looks for the next one itself
        wait = self._slot(now)
        if wait > 0:
            return wait
        self._probing, self._probe = self._probe, False
        self.at_work += 1
        self._pace.began()
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
        return self._evidence.failed_last(lane)

    def suspect(self, lane: Hashable) -> None:
        """Its last call failed so, at another worker or before a restart."""
        self._evidence.suspect(lane)

    def rests(self, step: Hashable) -> float:
        """0: a call of this step may begin. Else the seconds until to ask again: it is ill, and is tried at times."""
        held = self._held.get(step)
        return 0.0 if held is None else max(0.0, held.again - self._clock())

    def tries(self, step: Hashable) -> None:
        """A call of this step begins: of an ill one the next waits."""
        if (held := self._held.get(step)) is not None and held.again <= self._clock():
            held.again, held.tried = self._clock() + held.pause, True

    def told(self, lane: Hashable, step: Hashable, word: Word, retry_after_seconds: float | None = None) -> bool:
        """What a call of a lane said of the destination. Whether a failure uses up one of its attempts."""
        tried, self._probing = self.probing, False
        news = self._evidence.said(lane, step, word, held=step in self._held)
        if word is Word.WELL:
            self._pace.well(self.at_work)
            self._held.pop(step, None)
            return True
        slowed = word is Word.BUSY and self._pace.limited
        charged = not self.opened and not slowed and self._evidence.charged(lane, step, word)
        if tried:
            self._open_it(again=True)
        elif not self.opened:
            self._judge(lane, step, word, retry_after_seconds, news=news)
        return charged and not self.opened and step not in self._held

    def denied_alone(self, lane: Hashable, step: Hashable, since: float) -> bool:
        """Whether another could do in this step, since then, what this lane's call was denied: then that is final."""
        return step not in self._held and self._evidence.well_in(step, lane, since)

    def pause(self, seconds: float, most: float = MOST_PAUSE_SECONDS) -> bool:
        """The destination takes nothing for so long, at most so much; whether that is later than was known."""
        now = self._clock()
        until = now + min(seconds, most)
        later = until - self._pause_until
        if later > 0:
            self._stood += until - max(now, self._pause_until)
            self._pause_until = until
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
        if self.opened and not opened:
            self._stood = self.stood
            self._open_since = None
            self._evidence.clear()
            self._held.clear()
            self._pace.start_slowly()
        elif opened and not self.opened:
            self._open_since = self._clock()
        self._probe = probe

    def _judge(
        self, lane: Hashable, step: Hashable, word: Word, retry_after_seconds: float | None, *, news: bool
    ) -> None:
        if word is Word.BUSY:
            self._pace.busy(lane, self.at_work)
            if news and retry_after_seconds is not None and self._evidence.share_busy() >= STORM_PART:
                self.pause(retry_after_seconds, MOST_LATER_SECONDS)
        if word in (Word.FAILED, Word.DENIED) and self._evidence.step_ill(step):
            self._hold(step)
        elif self._evidence.ill(slowest=self._pace.slowest):
            self._open_it(again=False)
        elif word is Word.FAILED and self._evidence.share_failing() >= STORM_PART:
            self._pace.less(self.at_work)

    def _hold(self, step: Hashable) -> None:
        held = self._held.get(step)
        if held is None or held.tried:
            pause = TRIAL_SECONDS if held is None else min(MOST_TRIAL_SECONDS, held.pause * 2)
            self._held[step] = _HeldStep(pause, self._clock() + pause)
            self._evidence.set_apart(step)

    def _open_it(self, *, again: bool) -> None:
        if not self.opened:
            self._open_since = self._clock()
        self._trip(again)

    def _allowed(self) -> float:
        share = math.inf
        if self._limits.concurrency:
            share = max(1, self._limits.concurrency // max(1, self.workers))
        return max(1.0, min(share, self._pace.bound))

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
