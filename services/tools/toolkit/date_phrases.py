"""Dates as people write them, in words or numbers, in any order → the day, the time and the zone that stand there.

Nothing is guessed: a word that is neither a month, a day, a zone nor of what stands between them makes the text no
date, and so does a part that is missing. A year of four digits is the year: `2026/05/06` is 6 May in every order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal

from services.flows.refined import zone
from services.tools.toolkit.date_words import FILLERS, FIRST, ZONES, folded, words

Order = Literal["day_first", "month_first", "year_first"]
FIRST_OF_CENTURY = 1969
"""As POSIX has it: 69 is 1969 and 68 is 2068. No clock is seen."""

_IANA = re.compile(
    r"\[?\b((?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[\w+/-]+)\]?"
)
# `GMT+0100 (Western European Summer Time)`: what JavaScript writes says the offset again in words.
_COMMENT = re.compile(r"(?<=[0-9])\s*\([A-Za-z][^()]*\)\s*$")
_OFFSET = r"(?:(?:utc|gmt|z)\s?)?([+-])([0-9]{1,2}):?([0-9]{2})?(?![0-9/.:])"
_HALF = r"(?:\s?([ap])\.?\s?m\b\.?)?"
_TIMES = (
    re.compile(rf"(?<![0-9/.:-])([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:[.,]([0-9]{{1,9}}))?)?(?![0-9:]){_HALF}"),
    re.compile(r"(?<![0-9/.:-])([0-9]{1,2})\.([0-9]{2})()()\s?(?:uhr|h)\b()"),
    re.compile(r"\b(?:ore|alle|as|um)\s([0-9]{1,2})\.([0-9]{2})(?![0-9.])()()()"),
    re.compile(
        r"(?<![0-9/.:-])([0-9]{1,2})\s?(?:h(?:r?s?|oras?|eures?|ours?)?|uhr)(?![a-z])"
        r"(?:\s?([0-9]{2})(?![0-9/.-])(?:\s?m(?:in)?(?![a-z]))?)?(?:\s?([0-9]{2})\s?s(?![a-z]))?()()"
    ),
    re.compile(r"(?<![0-9/.:-])([0-9]{1,2})()()()\s?([ap])\.?\s?m\b\.?"),
)
_AFTER = re.compile(rf"\s?{_OFFSET}")
_NAMED_OFFSET = re.compile(rf"\b(?=utc|gmt){_OFFSET}")
_ORDINAL = re.compile(
    r"\b([0-9]{1,2})\s?\.?(?:°|(?:o|a|st|nd|rd|th|er|re|ere|e|eme|ro|ra|do|to|ter|ten)\b)(?!\s?\.?m\b)"
)
_CHINESE = str.maketrans({"年": "/", "月": "/", "日": " "})
_PIECE = re.compile(r"([0-9]+)|([^\W\d_]+)|[\s,;./()'’\-]+")
_NOON, _YEAR_DIGITS, _LAST_DAY = 12, 4, 31
_MOST_HOURS_OFF = 14


@dataclass(frozen=True, slots=True)
class Phrase:
    """A day, the time of day where one stands there, and the zone likewise."""

    day: date
    time: time | None
    zone: tzinfo | None


def read_phrase(text: str, order: Order, language: str, *, century: int = FIRST_OF_CENTURY) -> Phrase | None:
    """What a text says, or None. `century`: two digits are of the hundred years that begin with it."""
    found_zone, rest = _named_zone(text)
    if rest is None:
        return None
    rest = folded(rest.translate(_CHINESE))
    try:
        clock, rest, offset = _clock(rest)
        split = _split(_ORDINAL.sub(r"\1 ", rest), language)
        if split is None:
            return None
        numbers, month, zone_word = split
        found_zone = offset or found_zone or (None if zone_word is None else _hours(ZONES[zone_word]))
        day = _day(numbers, month, order, century)
    except ValueError:  # no such day, hour or offset
        return None
    return None if day is None else Phrase(day, clock, found_zone)


def whole_year(digits: str, century: int) -> int:
    """The year that four digits are, or that two mean."""
    year = int(digits)
    return year if len(digits) == _YEAR_DIGITS else century + (year - century) % 100


def _named_zone(text: str) -> tuple[tzinfo | None, str | None]:
    """A zone of the IANA data base, and the text without it; no text where there is no such zone."""
    text = _COMMENT.sub("", text)
    found = _IANA.search(text)
    if found is None:
        return None, text
    try:
        named = zone(found[1])
    except ValueError:
        return None, None
    return named, f"{text[: found.start()]} {text[found.end() :]}"


def _clock(text: str) -> tuple[time | None, str, tzinfo | None]:
    """The time of day, the text without it, and the offset from UTC that stands behind it. Raises ValueError."""
    named = _NAMED_OFFSET.search(text)
    found = next((hit for form in _TIMES if (hit := form.search(text))), None)
    offset = None
    if found is not None:
        end = found.end()
        if (after := _AFTER.match(text, end)) is not None:
            offset, end, named = _offset(after), after.end(), None
        at, text = found, f"{text[: found.start()]} {text[end:]}"
    if named is not None and (hit := _NAMED_OFFSET.search(text)) is not None:
        offset, text = _offset(hit), f"{text[: hit.start()]} {text[hit.end() :]}"
    return (None if found is None else _time(at)), text, offset


def _time(found: re.Match[str]) -> time:
    hour, minute, second, part, half = (group or "" for group in found.groups())
    number = int(hour)
    if half:
        if not 1 <= number <= _NOON:
            raise ValueError("no such hour")
        number = number % _NOON + (_NOON if half == "p" else 0)
    return time(number, int(minute or 0), int(second or 0), int(part[:6].ljust(6, "0")) if part else 0)


def _offset(found: re.Match[str]) -> tzinfo:
    sign, hours, minutes = found.groups()
    if int(hours) > _MOST_HOURS_OFF:
        raise ValueError("no such offset")
    away = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-away if sign == "-" else away)


def _hours(count: int) -> tzinfo:
    return timezone(timedelta(hours=count))


def _split(text: str, language: str) -> tuple[list[str], int | None, str | None] | None:
    """The numbers, the month and the zone. None for a word that is none of these."""
    known = words(language)
    numbers: list[str] = []
    months: set[int] = set()
    either: set[int] = set()  # `mar` is March, and Tuesday beside another month
    zone_word = None
    at = 0
    for piece in _PIECE.finditer(text):
        if piece.start() != at:
            return None
        at = piece.end()
        number, word = piece[1], piece[2]
        if number is not None:
            numbers.append(number)
        elif word in known.months:
            (either if word in known.days else months).add(known.months[word])
        elif word in FIRST:
            numbers.append("1")
        elif word in ZONES and zone_word is None:
            zone_word = word
        elif word is not None and word not in known.days and word not in FILLERS:
            return None
    months = months or either
    if at != len(text) or len(months) > 1:
        return None
    return numbers, next(iter(months), None), zone_word


def _day(digits: list[str], month: int | None, order: Order, century: int) -> date | None:
    """The day. Raises ValueError where the calendar has none."""
    wanted = 3 if month is None else 2
    whole = [at for at, each in enumerate(digits) if len(each) == _YEAR_DIGITS]
    if len(digits) != wanted or len(whole) > 1 or any(len(each) not in (1, 2, _YEAR_DIGITS) for each in digits):
        return None
    if month is not None:
        year_at = whole[0] if whole else _year_of_two(digits, order)
        return date(whole_year(digits[year_at], century), month, int(digits[1 - year_at]))
    year_at = whole[0] if whole else _year_of_three(digits, order)
    first, second = (int(each) for at, each in enumerate(digits) if at != year_at)
    if year_at == 1:
        return None
    in_month, day = (second, first) if year_at and order == "day_first" else (first, second)
    if year_at and in_month > 12 >= day:  # noqa: PLR2004 (31/1 is January in both orders)
        day, in_month = in_month, day
    return date(whole_year(digits[year_at], century), in_month, day)


def _year_of_two(digits: list[str], order: Order) -> int:
    if int(digits[0]) > _LAST_DAY:
        return 0
    return 0 if order == "year_first" and int(digits[1]) <= _LAST_DAY else 1


def _year_of_three(digits: list[str], order: Order) -> int:
    return 0 if order == "year_first" or int(digits[0]) > _LAST_DAY else 2


def combined(phrase: Phrase) -> datetime:
    """The moment, without a zone where none stands there."""
    return datetime.combine(phrase.day, phrase.time or time(), phrase.zone)
