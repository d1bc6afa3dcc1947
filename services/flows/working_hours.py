"""Working hours: which moments are in them, and when they begin next. Time zones and daylight saving by zoneinfo."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_OF = {name: day for day, full in enumerate(DAYS) for name in (full, full[:3])}
LOOKED_AHEAD_DAYS = 400
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MIDNIGHT = time(0)
_RANGE = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", re.ASCII)


class HoursError(ValueError):
    """No working hours. The text says what they look like."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Days of the week (0 is Monday) and stretches of the day, in a time zone, but for holidays.

    A stretch that ends when it begins, or before, ends on the next day: it belongs to the day on which it begins.
    """

    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(5))
    stretches: tuple[tuple[time, time], ...] = ((time(9), time(18)),)
    holidays: frozenset[date] = field(default=frozenset())

    def next(self, moment: datetime) -> datetime:
        """The moment itself when it is in them, else when they begin next, in UTC.

        Raises HoursError when they do not begin again within 400 days: every day is a holiday.
        """
        day = moment.astimezone(self.zone).date() - _DAY
        best: datetime | None = None
        for _ in range(LOOKED_AHEAD_DAYS):
            for begins, ends in self._of(day):
                if ends > moment and (best is None or begins < best):
                    best = begins
            # A stretch of the day before may begin later than one of this day only by running over midnight.
            if best is not None and best.astimezone(self.zone).date() < day:
                break
            day += _DAY
        if best is None:
            raise HoursError(f"no working hours within {LOOKED_AHEAD_DAYS} days: look at `days` and `holidays`")
        return max(best, moment.astimezone(UTC))

    def _of(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The stretches that begin on a day."""
        if day.weekday() not in self.days or day in self.holidays:
            return
        for begins, ends in self.stretches:
            over = day + _DAY if ends <= begins else day
            # Where the clock is set back, they begin at the first of two and end at the second.
            first, last = self._moment(day, begins, fold=0), self._moment(over, ends, fold=1)
            if first < last:  # else the clock skips all of it
                yield first, last

    def _moment(self, day: date, clock: time, *, fold: int) -> datetime:
        """When the clock shows this, at its first or second time; what it skips is when it goes on."""
        shown = datetime.combine(day, clock, self.zone)
        # Of a time that is skipped, fold 0 is read by the offset before the change, and so lies after it (PEP 495).
        after, before = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        if after <= before:
            return before if fold else after
        offset = after.astimezone(self.zone).utcoffset()
        while after - before > _SECOND:
            middle = before + (after - before) // (2 * _SECOND) * _SECOND
            if middle.astimezone(self.zone).utcoffset() == offset:
                after = middle
            else:
                before = middle
        return after


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name. Raises HoursError for a name that the IANA data has not."""
    if name not in _zones():
        raise HoursError(f"{name!r} is no time zone: write one such as Europe/Lisbon or UTC")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def days_of(text: str) -> frozenset[int]:
    """`mon-fri`, `sat, sun`, `fri-mon`, as days of the week. Raises HoursError."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        begin, end = _DAY_OF.get(first), _DAY_OF.get(last if dash else first)
        if begin is None or end is None:
            raise HoursError(f"{part.strip()!r} is no day: write days such as mon-fri or sat, sun")
        length = (end - begin) % 7
        found.update((begin + n) % 7 for n in range(length + 1))
    return frozenset(found)


def stretches_of(text: str) -> tuple[tuple[time, time], ...]:
    """`09:00-18:00`, or several with commas, as times of day; `24:00` ends a day. Raises HoursError."""
    found = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise HoursError(f"{part.strip()!r} are no hours: write them as 09:00-18:00")
        found.append((_clock(match[1], match[2], part), _clock(match[3], match[4], part)))
    return tuple(sorted(found))


def _clock(hours: str, minutes: str, part: str) -> time:
    if (hours, minutes) == ("24", "00"):
        return _MIDNIGHT
    try:
        return time(int(hours), int(minutes))
    except ValueError:
        raise HoursError(f"{part.strip()!r} are no hours: a day has 00:00 to 24:00") from None


def holidays_of(texts: Sequence[str]) -> frozenset[date]:
    """Days such as 2026-12-25. Raises HoursError that names the first which is none."""
    found = set()
    for text in texts:
        try:
            found.add(date.fromisoformat(text))
        except ValueError:
            raise HoursError(f"{text!r} is no day: write holidays as 2026-12-25") from None
    return frozenset(found)
