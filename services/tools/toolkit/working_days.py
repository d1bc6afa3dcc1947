"""Days of the calendar: from Monday to Friday and no holidays; 29 February in years without one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from services.flows.catalogue import ToolError

LeapDay = Literal["february_28", "march_1"]
"""When a 29 February is in a year without one."""

FRIDAY = 5
WEEK = 7


def days_of(texts: list[str]) -> frozenset[date]:
    """Holidays as days. Raises ToolError that names the first which is none."""
    found = set()
    for text in texts:
        try:
            found.add(date.fromisoformat(text[:10]))
        except ValueError:
            raise ToolError(f"holidays has {text[:60]!r}: write days such as 2026-12-25") from None
    return frozenset(found)


def is_working(day: date, holidays: frozenset[date]) -> bool:
    """Whether people work on it."""
    return day.isoweekday() <= FRIDAY and day not in holidays


def after_working_days(at: datetime, count: int, holidays: frozenset[date]) -> datetime:
    """So many working days later, or earlier; the time of day stays. OverflowError beyond the years 1 to 9999."""
    step = timedelta(days=1 if count > 0 else -1)
    for _ in range(abs(count)):
        at += step
        while not is_working(at.date(), holidays):
            at += step
    return at


def working_days_between(early: date, late: date, holidays: frozenset[date]) -> int:
    """Working days after the first day, up to and with the last. In constant time."""
    weeks, rest = divmod((late - early).days, WEEK)
    tail = sum((early + timedelta(days=weeks * WEEK + n)).isoweekday() <= FRIDAY for n in range(1, rest + 1))
    free = sum(early < day <= late and day.isoweekday() <= FRIDAY for day in holidays)
    return weeks * FRIDAY + tail - free


def is_leap_day(day: date) -> bool:
    """Whether it is a 29 February."""
    return (day.month, day.day) == (2, 29)
