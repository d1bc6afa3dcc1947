"""Dates and times as people and systems write them → one aware moment. No clock is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from contracts.phones import without_marks
from services.flows.catalogue import ToolError
from services.flows.proved import Proved
from services.flows.refined import zone
from services.tools.toolkit.date_forms import strptime_form
from services.tools.toolkit.date_phrases import FIRST_OF_CENTURY, Order, combined, read_phrase, whole_year
from services.tools.toolkit.size_bounds import Text
from services.tools.toolkit.value_texts import as_text

MAX_TEXT = 100
ISO = re.compile(r"^[0-9]{4}-?([0-9]{2}|W[0-9]{2})")
SECONDS = re.compile(r"^-?[0-9]{9,11}(\.[0-9]+)?$")
MILLISECONDS = re.compile(r"^-?[0-9]{12,14}(\.[0-9]+)?$")
# `20260506103000`: as milliseconds it would be in the year 2612.
COMPACT = re.compile(r"^(19|20|21)[0-9]{12}$")
SERIAL = re.compile(r"^[0-9]{1,7}([.,][0-9]+)?$")

Numbers = Literal["unix", "excel", "excel_1904"]
"""What a number is: seconds or milliseconds since 1970; or, of up to 7 digits, a day of a spreadsheet."""


def _prove(value: str | float) -> None:
    """Raise ToolError for a text in a flow that is no moment."""
    if plain(as_text(value), "UTC") is None:
        raise ToolError(f"{str(value)[:60]!r} is no time such as 2026-05-31T14:30:00+01:00; date.parse makes one")


Given = Annotated[Text | int | float, Proved(_prove)]
"""A moment as an input: ISO 8601, or seconds or milliseconds since 1970, as a number or as text."""

GIVEN = "ISO 8601, or seconds or milliseconds since 1970; date.parse makes it of other spellings"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, and whether the text said a time of day or a day only."""

    at: datetime
    has_time: bool


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


def from_format(text: str, form: str, century: int) -> tuple[datetime, bool] | None:
    """By a given form, as `dd/MM/yyyy HH:mm`. Raises ToolError for a form with letters that mean nothing."""
    strptime = strptime_form(form)
    try:
        found = datetime.strptime(text, strptime)  # noqa: DTZ007 (the caller's zone)
        if "%y" in strptime:
            found = found.replace(year=whole_year(f"{found.year % 100:02}", century))
    except (ValueError, re.error):
        return None
    return found, "%H" in strptime or "%I" in strptime


def from_number(text: str, numbers: Numbers) -> tuple[datetime, bool] | None:
    """A number without marks: `yyyyMMddHHmmss`, seconds, milliseconds, or a day of a spreadsheet."""
    if numbers != "unix" and SERIAL.match(text):
        return from_serial(float(text.replace(",", ".")), numbers)
    if COMPACT.match(text):
        try:
            return datetime.strptime(text, "%Y%m%d%H%M%S"), True  # noqa: DTZ007 (the caller's zone)
        except ValueError:
            return None
    if SECONDS.match(text) or MILLISECONDS.match(text):
        whole = MILLISECONDS.match(text) is not None
        return datetime.fromtimestamp(float(text) / 1000 if whole else float(text), UTC), True
    return None


def from_serial(serial: float, numbers: Numbers) -> tuple[datetime, bool] | None:
    """A day of a spreadsheet, to the second (ECMA-376, part 1, 18.17.4.1).

    The 1900 system counts a 29 February 1900 that never was, its day 60; the 1904 system begins with 0.
    """
    days = int(serial)
    seconds = round((serial - days) * 86_400)
    if numbers == "excel_1904":
        start = datetime(1904, 1, 1)  # noqa: DTZ001 (the caller's zone)
    elif not days or days == 60:  # noqa: PLR2004
        return None
    else:
        start = datetime(1899, 12, 31 if days < 60 else 30)  # noqa: DTZ001, PLR2004 (the caller's zone)
    return start + timedelta(days=days, seconds=seconds), bool(seconds)


def from_words(text: str, order: Order, language: str, century: int) -> tuple[datetime, bool] | None:
    """As people write it. A text that leaves year, month or day open is no date."""
    phrase = read_phrase(text, order, language, century=century)
    return None if phrase is None else (combined(phrase), phrase.time is not None)


def read(
    text: str,
    *,
    time_zone: str = "UTC",
    order: Order = "day_first",
    language: str = "en",
    formats: tuple[str, ...] = (),
    century: int = FIRST_OF_CENTURY,
    numbers: Numbers = "unix",
) -> Moment | None:
    """The moment that a text names, in the given zone when it has no offset of its own; None when it names none.

    Tried in turn: the given formats, a number (`numbers`), ISO 8601, then words. Formats exclude the rest. A time that
    summer time skips is the one that exists, as in `date.add`; of one that it repeats, the first.
    """
    text = without_marks(text).strip()
    if not text or len(text) > MAX_TEXT:
        return None
    try:
        if formats:
            found = next((hit for form in formats if (hit := from_format(text, form, century))), None)
        else:
            found = from_number(text, numbers) or from_iso(text) or from_words(text, order, language, century)
        if found is None:
            return None
        wanted = zone(time_zone)
        at = found[0].replace(tzinfo=wanted) if found[0].tzinfo is None else found[0]
        at = at.astimezone(UTC).astimezone(wanted)
    except (OverflowError, ValueError, OSError):
        return None
    return Moment(at, found[1])


def plain(value: str, time_zone: str) -> Moment | None:
    """As `read`, but ISO 8601 and Unix time only: what systems write. Fast, and never a guess."""
    text = value.strip()
    if not text or len(text) > MAX_TEXT:
        return None
    if not (SECONDS.match(text) or MILLISECONDS.match(text)) and from_iso(text) is None:
        return None
    return read(text, time_zone=time_zone)


def demand(value: str | float, name: str, time_zone: str) -> Moment:
    """As `plain`, but raises ToolError that names the input. Of numbers too."""
    text = as_text(value)
    found = plain(text, time_zone)
    if found is None:
        raise ToolError(f"{name} is {text[:60]!r}: not a time such as 2026-05-31T14:30:00+01:00; date.parse makes one")
    return found


def told(moment: Moment) -> str:
    """ISO 8601 with offset, to the second."""
    return moment.at.replace(microsecond=0).isoformat()
