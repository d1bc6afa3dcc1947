"""What calls say of their connection, and what follows: who is ill, and whose fault a failure is. Pure.

What counts is said by distinct lanes: one that fails again and again says it once, until a call of it succeeds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from enum import Enum

from contracts.errors import ErrorCode
from services.actions.outcome import Done, Failed

FRESH_SECONDS = 10.0
"""So long a success of another lane says that what it called is well."""
JUST_SECONDS = 2.0
"""So long it says that a path fails, and not its connection."""
FEW, SOME, MANY = 3, 5, 24
PART = 0.8
PRESSED_PART = 0.2
NOBODY_SECONDS = 15.0
"""So long few lanes that fail, while nobody succeeds, are not yet taken for an ill connection."""
LAST, LAST_LANES = 20, 30
# So many failing lanes are known by name: more are no few, and the destination's fault.
MOST_FAILED = 10_000
MOST_STEPS = 1_000
UNAUTHORIZED = 401
DENIED = frozenset({403, 405, 407})
FAILED = frozenset({ErrorCode.CALL_TIMED_OUT, ErrorCode.CALL_INTERRUPTED, ErrorCode.DESTINATION_FAILED})


class Word(Enum):
    """What an attempt says of its connection."""

    WELL = "well"  # it answered, whatever it said of this call
    AWAY = "away"  # refused, or its credentials are: so it would be for any lane
    BUSY = "busy"  # 429, 503
    FAILED = "failed"  # cut off, no answer, 5xx: the lane's, the step's or the connection's
    DENIED = "denied"  # 403, 405: the call's, the step's or the connection's


OF_A_STEP = frozenset({Word.FAILED, Word.DENIED})


def word_of(outcome: Done | Failed) -> Word:
    """The one word."""
    if isinstance(outcome, Done):
        return Word.WELL
    if outcome.away or outcome.code is ErrorCode.CALL_REFUSED or outcome.status == UNAUTHORIZED:
        return Word.AWAY
    if outcome.code is ErrorCode.DESTINATION_BUSY:
        return Word.BUSY
    if outcome.code in FAILED:
        return Word.FAILED
    return Word.DENIED if outcome.status in DENIED else Word.WELL


class _Line:
    """Who failed since somebody succeeded: at a connection, or in one of its steps."""

    __slots__ = ("failing", "since", "well", "well_before")

    def __init__(self) -> None:
        self.failing: set[Hashable] = set()
        self.since = 0.0
        self.well: tuple[Hashable, float] | None = None
        self.well_before: tuple[Hashable, float] | None = None  # the last of another lane

    def said(self, lane: Hashable, word: Word, now: float) -> None:
        if word is Word.WELL:
            self.failing.clear()
            if self.well is not None and self.well[0] != lane:
                self.well_before = self.well
            self.well = (lane, now)
            return
        if not self.failing:
            self.since = now
        if len(self.failing) < MANY:
            self.failing.add(lane)

    def well_at(self, other_than: Hashable = None) -> float:
        """When a lane succeeded last, other than this one; long ago if none did."""
        for one in (self.well, self.well_before):
            if one is not None and one[0] != other_than:
                return one[1]
        return float("-inf")


class Evidence:
    """Of one connection, as this worker sees it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all = _Line()
        self._steps: OrderedDict[Hashable, _Line] = OrderedDict()
        self._last: deque[tuple[Hashable, Word]] = deque(maxlen=LAST)
        self._lanes: deque[tuple[Hashable, Word]] = deque(maxlen=LAST_LANES)
        self._failed: OrderedDict[Hashable, None] = OrderedDict()
        self._busy = 0

    def failed_last(self, lane: Hashable) -> bool:
        """Whether its last call failed in a way that may be its own. Others are better to try a destination with."""
        return lane in self._failed

    def suspect(self, lane: Hashable) -> None:
        """Its last call failed so. What was known first is forgotten first."""
        self._failed[lane] = None
        self._failed.move_to_end(lane)
        if len(self._failed) > MOST_FAILED:
            self._failed.popitem(last=False)

    def said(self, lane: Hashable, step: Hashable, word: Word, *, held: bool = False) -> bool:
        """Take it down. Whether it was news: not what a lane says again.

        `held`: its step is known to be ill, so that it fails says nothing of the connection.
        """
        now = self._clock()
        again = word not in (Word.WELL, Word.AWAY) and lane in self._failed
        own = held and word in OF_A_STEP
        self._line(step).said(lane, word, now)
        if not own:
            self._all.said(lane, word, now)
            self._last.append((step, word))
        if word is Word.WELL:
            self._failed.pop(lane, None)
            self._busy = 0
        elif word is not Word.AWAY:
            self.suspect(lane)
            self._busy += word is Word.BUSY
        if not (again or own):
            self._lanes.append((step, word))
        return not again

    def set_apart(self, step: Hashable) -> None:
        """A step is ill: what it said by failing was said of itself, and of the connection no more."""
        for words in (self._last, self._lanes):
            kept = [one for one in words if one[0] != step or one[1] not in OF_A_STEP]
            words.clear()
            words.extend(kept)

    def charged(self, lane: Hashable, step: Hashable, word: Word) -> bool:
        """Whether a failure is its call's own: it uses up an attempt. Else it is the connection's or the step's."""
        now, line = self._clock(), self._line(step)
        if word is Word.WELL:
            return True
        if word is Word.AWAY:
            well = now - self._all.well_at(lane) <= FRESH_SECONDS
            return well and self._share(Word.AWAY) < PRESSED_PART
        if word is Word.BUSY and self._share(Word.BUSY) >= PRESSED_PART and len(self._failed) >= FEW:
            return False
        return not any(len(one.failing) >= FEW and now - one.well_at(lane) > FRESH_SECONDS for one in (self._all, line))

    def well_in(self, step: Hashable, other_than: Hashable, since: float) -> bool:
        """Whether another lane's call in this step succeeded since then: what a call is denied meanwhile is its own."""
        return self._line(step).well_at(other_than) > since

    def ill(self, *, slowest: bool) -> bool:
        """Whether the connection is. `slowest`: it is called as slowly as can be, and says busy all the same."""
        away = _count(self._last, Word.AWAY)
        if away >= SOME and away >= PART * len(self._last):
            return True
        bad = _count(self._lanes, Word.AWAY, Word.FAILED)
        if bad >= MANY and bad >= PART * len(self._lanes) and not self._of_one_step():
            return True
        few = len(self._all.failing) >= FEW and self._clock() - self._all.since >= NOBODY_SECONDS
        return few or (slowest and self._busy >= SOME)

    def step_ill(self, step: Hashable) -> bool:
        """Whether a step is, while another step's calls succeed: as said by 5 lanes, and none succeeded in it since."""
        line = self._line(step)
        return len(line.failing) >= SOME and self._all.well_at() > line.since

    def share_busy(self) -> float:
        """Of the last words, those of busy; 0 while there were fewer."""
        return self._share(Word.BUSY) if len(self._last) == LAST else 0.0

    def share_failing(self) -> float:
        """Of the last lanes, those that were cut off, got no answer or 5xx; 0: they are a step's."""
        if len(self._lanes) < LAST_LANES or self._of_one_step():
            return 0.0
        return _count(self._lanes, Word.FAILED) / LAST_LANES

    def clear(self) -> None:
        """The connection was ill and is well again; which lanes failed last stays known."""
        self._last.clear()
        self._lanes.clear()
        self._steps.clear()
        self._all = _Line()
        self._busy = 0

    def _of_one_step(self) -> bool:
        """Whether all that failed lately was of one step, and another's calls succeeded just now.

        Hundreds of calls end at the same moment when a path hangs: whether it is the path or the connection is known
        when the next call of another step ends.
        """
        failing = {step for step, word in self._lanes if word is not Word.WELL}
        since = self._clock() - JUST_SECONDS
        return len(failing) == 1 and any(
            line.well_at() >= since for step, line in self._steps.items() if step not in failing
        )

    def _share(self, word: Word) -> float:
        return _count(self._last, word) / len(self._last) if self._last else 0.0

    def _line(self, step: Hashable) -> _Line:
        line = self._steps.get(step)
        if line is None:
            line = self._steps[step] = _Line()
            if len(self._steps) > MOST_STEPS:
                self._steps.popitem(last=False)
        return line


def _count(said: Iterable[tuple[Hashable, Word]], *words: Word) -> int:
    return sum(word in words for _, word in said)
