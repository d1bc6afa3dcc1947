"""Durations as people write them: `30s`, `5m`, `2h`, `30d`, `1h30m`, `250ms`."""

from __future__ import annotations

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
LONGEST_SECONDS = 3650 * SECONDS["d"]
UNITS = (("d", 86_400), ("h", 3600), ("m", 60))
"""What durations are written with, largest first; what is left is seconds."""
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|[smhdw])", re.ASCII)

_DAYS = re.compile(r"(\d{1,9})\s+(day|week)s?", re.ASCII)


class DurationError(ValueError):
    """The text is no duration. The message says what one looks like."""


def parse_duration(text: str) -> float:
    """Seconds. Raises DurationError for another form, for nothing at all, and for more than ten years."""
    seconds = 0.0
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise DurationError(f"{text!r} is no duration: {_meant(text)}")
        seconds += float(part[1]) * SECONDS[part[2]]
        at = part.end()
    if not 0 < seconds <= LONGEST_SECONDS:
        raise DurationError(f"{text!r} is no duration: it must be longer than nothing and at most ten years")
    return seconds


_WORDS = re.compile(r"(\d{1,9})(?:[.,]\d+)?\s*([^\W\d_]*)\.?", re.ASCII)
_UNITS = {
    "ms": ("ms", "milliseconds", "milissegundos"),
    "s": ("sec", "secs", "second", "seconds", "segundo", "segundos"),
    "m": ("min", "mins", "minute", "minutes", "minuto", "minutos"),
    "h": ("hr", "hrs", "hour", "hours", "hora", "horas"),
    "d": ("day", "days", "dia", "dias"),
    "w": ("week", "weeks", "semana", "semanas"),
}


def _meant(text: str) -> str:
    """What is probably meant by a text that is none."""
    found = _WORDS.fullmatch(text.strip())
    if found is not None and not found[2]:
        number = found[1]
        return f"say of what, {number}s, {number}m, {number}h or {number}d"
    unit = next((unit for unit, words in _UNITS.items() if found and found[2].lower() in (unit, *words)), None)
    if found is not None and unit is not None and re.search("[.,]", text) is None:
        return f"write {found[1]}{unit}"
    return "write a number and a unit (ms, s, m, h, d, w), such as 30s or 2h"


def calendar_days(text: str) -> int | None:
    """The days on a calendar that `1 day`, `3 days` or `2 weeks` are; None for what is no such text.

    A day lasts until the clock on the wall shows the same time again: 23 to 25 hours. Raises DurationError for none of
    them, and for more than ten years.
    """
    found = _DAYS.fullmatch(text.strip())
    if found is None:
        return None
    days = int(found[1]) * (1 if found[2] == "day" else 7)
    if not 0 < days * SECONDS["d"] <= LONGEST_SECONDS:
        raise DurationError(f"{text!r} is no duration: it must be longer than nothing and at most ten years")
    return days


def shown(seconds: float) -> str:
    """The shortest duration that `parse_duration` reads as these seconds (to the millisecond); `0s` for none."""
    left = round(seconds * 1000)
    parts: list[str] = []
    for unit, length in UNITS:
        whole, left = divmod(left, length * 1000)
        if whole:
            parts.append(f"{whole}{unit}")
    if left or not parts:
        parts.append(f"{left / 1000:.3f}".rstrip("0").rstrip(".") + "s")
    return "".join(parts)
