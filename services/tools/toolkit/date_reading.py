"""Dates and times as people and systems write them → one aware moment. No clock is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Literal

from babel.dates import get_day_names, get_month_names
from dateutil.parser import ParserError, parser, parserinfo

from services.flows.catalogue import ToolError
from services.flows.refined import locale, zone
from services.tools.toolkit.date_forms import strptime_form

MAX_TEXT = 100
ISO = re.compile(r"^[0-9]{4}-?([0-9]{2}|W[0-9]{2})")
SECONDS = re.compile(r"^-?[0-9]{9,11}$")
MILLISECONDS = re.compile(r"^-?[0-9]{12,14}$")
# Two days that differ in year, month and day: what a text leaves open, each fills in its own way.
OPEN = (datetime(2000, 1, 1), datetime(2005, 2, 8))  # noqa: DTZ001 (only fills what a text leaves open)

Order = Literal["day_first", "month_first", "year_first"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, and whether the text said a time of day or a day only."""

    at: datetime
    has_time: bool


@lru_cache(maxsize=64)
def words(language: str) -> parserinfo:
    """The words of dateutil, with the months and days of a language beside the English ones."""
    found = locale(language)
    months = [
        (*english, *{get_month_names(width, context, found)[number].lower() for width, context in NAMES})
        for number, english in enumerate(parserinfo.MONTHS, start=1)
    ]
    days = [
        (*english, *{get_day_names(width, context, found)[number].lower() for width, context in NAMES})
        for number, english in enumerate(parserinfo.WEEKDAYS)
    ]
    made: parserinfo = type(
        "Words",
        (parserinfo,),
        {
            "MONTHS": [tuple(name.rstrip(".") for name in names) for names in months],
            "WEEKDAYS": [tuple(name.rstrip(".") for name in names) for names in days],
            # What stands between the parts of a date in Portuguese, Spanish, French, German.
            "JUMP": [*parserinfo.JUMP, "de", "del", "às", "as", "a", "las", "-feira", "feira", "le", "den", "um"],
        },
    )()
    return made


Width = Literal["wide", "abbreviated"]
Context = Literal["format", "stand-alone"]
NAMES: tuple[tuple[Width, Context], ...] = (
    ("wide", "format"),
    ("abbreviated", "format"),
    ("wide", "stand-alone"),
    ("abbreviated", "stand-alone"),
)


def from_iso(text: str) -> tuple[datetime, bool] | None:
    """ISO 8601 in the spellings that the standard library reads: `2026-05-31`, `2026-05-31T14:30Z`, `20260531`."""
    if not ISO.match(text):
        return None
    try:
        if len(text) <= len("2026-W22-7"):
            return datetime.combine(date.fromisoformat(text), time()), False
        return datetime.fromisoformat(text), True
    except ValueError:
        return None


def from_format(text: str, form: str) -> tuple[datetime, bool] | None:
    """By a given form, as `dd/MM/yyyy HH:mm`. Raises ToolError for a form with letters that mean nothing."""
    strptime = strptime_form(form)
    try:
        return datetime.strptime(text, strptime), "%H" in strptime or "%I" in strptime  # noqa: DTZ007 (the caller's zone)
    except (ValueError, re.error):
        return None


def loosely(text: str, order: Order, language: str) -> tuple[datetime, bool] | None:
    """By dateutil, in the given order of day and month. A text that leaves year, month or day open is no date."""
    reader = parser(words(language))
    found = []
    for default in OPEN:
        try:
            found.append(
                reader.parse(text, default=default, dayfirst=order == "day_first", yearfirst=order == "year_first")
            )
        except (ParserError, OverflowError, ValueError, TypeError, AttributeError, IndexError):
            # dateutil's own faults on odd texts: https://github.com/dateutil/dateutil/issues/1071 and its kin.
            return None
    if not isinstance(found[0], datetime) or found[0].date() != found[1].date():
        return None
    return found[0], ":" in text or bool(re.search(r"[0-9]\s*([hH]|am|pm|AM|PM)", text))


def read(
    text: str,
    *,
    time_zone: str = "UTC",
    order: Order = "day_first",
    language: str = "en",
    formats: tuple[str, ...] = (),
) -> Moment | None:
    """The moment that a text names, in the given zone when it has no offset of its own; None when it names none.

    Tried in turn: the given formats, ISO 8601, Unix seconds or milliseconds, then dateutil. Formats exclude the rest.
    """
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        return None
    try:
        if formats:
            found = next((hit for form in formats if (hit := from_format(text, form))), None)
        elif SECONDS.match(text):
            found = datetime.fromtimestamp(int(text), UTC), True
        elif MILLISECONDS.match(text):
            found = datetime.fromtimestamp(int(text) / 1000, UTC), True
        else:
            found = from_iso(text) or loosely(text, order, language)
        if found is None:
            return None
        at = (
            found[0].replace(tzinfo=zone(time_zone))
            if found[0].tzinfo is None
            else found[0].astimezone(zone(time_zone))
        )
        at.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return Moment(at, found[1])


def plain(text: str, time_zone: str) -> Moment | None:
    """As `read`, but ISO 8601 and Unix time only: what systems write. Fast, and never a guess."""
    text = text.strip()
    written = ISO.match(text) or SECONDS.match(text) or MILLISECONDS.match(text)
    if not written or (ISO.match(text) and from_iso(text) is None):
        return None
    return read(text, time_zone=time_zone)


def demand(text: str, name: str, time_zone: str) -> Moment:
    """As `plain`, but raises ToolError that names the input."""
    found = plain(text, time_zone)
    if found is None:
        raise ToolError(f"{name} is {text[:60]!r}: not a time such as 2026-05-31T14:30:00+01:00; date.parse makes one")
    return found


def told(moment: Moment) -> str:
    """ISO 8601 with offset, to the second."""
    return moment.at.replace(microsecond=0).isoformat()
