"""Holds a flow that its own deploy makes fail for everybody: its new work waits, instead of becoming dead letters.

Evidence is one cause over so many distinct subjects, while nobody came past that step on this version of the flow. What
came past it once, at whatever time, is never held for that step again: then the data differ, and not the flow.
While a flow is held, a few of distinct subjects are tried after each pause. One that comes past the step ends the hold,
whenever its end comes; another version of the flow, such as a rollback, ends it too. A failure makes the next pause
longer. One that is lost on its way (parked, its partition given up) holds up nobody: after each pause others are tried.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import Gauge

from services.runtime import logging
from services.runtime.settings import HoldSettings

log = logging.get("hold")
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
TRIALS = 5
MOST_CAUSES = 100
"""Of one flow, those last seen: a cause that differs for each subject, such as a path with a hole, gathers nothing."""


@dataclass(slots=True)
class _Hold:
    """Why a flow is held, and when a few are tried."""

    cause: tuple[str, str]
    pause: float
    until: float
    """What fails of what began from then on makes the pause longer."""
    again: float
    """When a few more are tried."""
    trials: int = 0
    tried: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Flow:
    """What is known of one version of a flow."""

    version: str
    newest: datetime | None = None
    """When what ran on it came, at the latest."""
    failing: OrderedDict[tuple[str, str], set[str]] = field(default_factory=OrderedDict)
    passed: set[str] = field(default_factory=set)
    hold: _Hold | None = None


class FlowHold:
    """Of all flows, by name; `gauge`, by name too, is 1 while one is held. `subjects`: so many hold it; 0: never."""

    def __init__(
        self,
        subjects: int,
        *,
        gauge: Gauge,
        pause_seconds: float = FIRST_PAUSE_SECONDS,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subjects = subjects
        self._gauge = gauge
        self._pause = pause_seconds
        self._longest = max(pause_seconds, longest_seconds)
        self._clock = clock
        self._flows: dict[str, _Flow] = {}

    @classmethod
    def of(cls, settings: HoldSettings, *, gauge: Gauge, clock: Callable[[], float] = time.monotonic) -> FlowHold:
        """As an installation has set it."""
        pause = settings.dead_letter_pause_seconds
        return cls(settings.dead_letter_run, gauge=gauge, pause_seconds=pause, clock=clock)

    def now(self) -> float:
        """What `failed` is to be told as `began`, when something begins."""
        return self._clock()

    def runs(self, flow: str, version: str, came: datetime | None = None) -> None:
        """This version runs from now on: what is known of another counts no more.

        With `came`, only if what runs on it came later than all that ran on the other: a run ends on the version that
        it began on, also when that is not the newest.
        """
        known = self._flows.get(flow)
        if known is None or known.version != version:
            if known is not None and came is not None and known.newest is not None and came <= known.newest:
                return
            if known is not None and known.hold is not None:
                self._let_go(flow, known, "another version runs")
            self._flows[flow] = _Flow(version, came)
        elif came is not None and (known.newest is None or came > known.newest):
            known.newest = came

    def holds(self, flow: str) -> bool:
        """Whether only a few are let through, after each pause."""
        return (known := self._flows.get(flow)) is not None and known.hold is not None

    def held(self, flow: str, subject: str | None = None) -> float:
        """0: the next one, of this subject, may begin. Else the seconds until to ask again."""
        known = self._flows.get(flow)
        if known is None or (hold := known.hold) is None:
            return 0.0
        now = self._clock()
        if now >= hold.again:
            hold.trials, hold.again = TRIALS, now + hold.pause
            hold.tried.clear()
        return 0.0 if hold.trials > 0 and subject not in hold.tried else hold.again - now

    def took(self, flow: str, subject: str | None = None) -> None:
        """One begins, of this subject."""
        known = self._flows.get(flow)
        if known is not None and known.hold is not None:
            known.hold.trials -= 1
            if subject is not None:
                known.hold.tried.add(subject)

    def failed(self, flow: str, version: str, step: str, cause: str, *, subject: str, began: float) -> None:
        """One died at a step, of what may be the flow's own fault. `began`: when, by this clock.

        `cause` is the same for all who fail in the same way: it holds nothing of their data.
        """
        known = self._flows.setdefault(flow, _Flow(version))
        if not self._subjects or known.version != version or step in known.passed:
            return
        key = (step, cause)
        subjects = known.failing.setdefault(key, set())
        known.failing.move_to_end(key)
        if len(known.failing) > MOST_CAUSES:
            known.failing.popitem(last=False)
        if len(subjects) < self._subjects:
            subjects.add(subject)
        if known.hold is not None:
            if began >= known.hold.until:
                self._hold(flow, known, known.hold.cause)
        elif len(subjects) >= self._subjects:
            self._hold(flow, known, key)

    def passed(self, flow: str, version: str, steps: Collection[str]) -> None:
        """One came past these steps. It began whenever."""
        known = self._flows.setdefault(flow, _Flow(version))
        if known.version != version or known.passed.issuperset(steps):
            return
        known.passed.update(steps)
        for key in [key for key in known.failing if key[0] in known.passed]:
            del known.failing[key]
        if known.hold is not None and known.hold.cause[0] in known.passed:
            self._let_go(flow, known, "one came past the step")

    def held_flows(self) -> list[str]:
        """Those that are held."""
        return [flow for flow, known in self._flows.items() if known.hold is not None]

    def forget(self) -> None:
        """What is known counts no more: the work that it was learnt from is somebody else's now."""
        for flow in self.held_flows():
            self._let_go(flow, self._flows[flow], "its work is another replica's")
        self._flows.clear()

    def _hold(self, flow: str, known: _Flow, cause: tuple[str, str]) -> None:
        pause = self._pause if known.hold is None else min(self._longest, known.hold.pause * 2)
        until = self._clock() + pause
        known.hold = _Hold(cause, pause, until, until)
        self._gauge.labels(flow).set(1)
        log.error(
            "flow.held",
            flow=flow,
            version=known.version,
            step=cause[0],
            cause=cause[1],
            seconds=round(pause, 1),
            subjects=len(known.failing.get(cause, ())),
            remedy="look at `flows dead list`, then `flows rollback` or deploy it mended; what waits goes on by itself",
        )

    def _let_go(self, flow: str, known: _Flow, why: str) -> None:
        known.hold = None
        # Two steps can be wrong: what else is known goes on to count.
        self._gauge.labels(flow).set(0)
        log.info("flow.let_go", flow=flow, cause=why)
