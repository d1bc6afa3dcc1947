"""Times as senders write them, read as aware UTC times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator

UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From where on a number counts nanoseconds, microseconds, milliseconds since 1970: each of them since 1973."""
LONGEST = 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_UNTIL = 2_000_000_000
"""May 2033. Ten digits from there on are rather a date: 2603020930."""
YEARS = range(1970, 2100)
DIGITS = {8: ("%Y%m%d",), 10: ("%y%m%d%H%M",), 12: ("%Y%m%d%H%M", "%y%m%d%H%M%S"), 14: ("%Y%m%d%H%M%S",)}
"""Dates written without signs, by their length."""
NEVER_COUNTED = frozenset({8, 14})
"""Lengths of a date only: as a count they are 1970, or a year past 2286."""
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
APART = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$|Z$)", re.ASCII)
NET = re.compile(r"/Date\((-?[0-9]+)(?:[+-][0-9]{4})?\)/", re.ASCII)
MAIL = re.compile(
    r"(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
    r" (?:[+-][0-9]{4}|GMT|UTC?|Z|[ECMP][SD]T)(?: \([^)]*\))?",
    re.ASCII,
)
"""RFC 2822, section 3.3, and its zones: a name that it does not know would count as UTC."""


class TimeField:
    """Marks a field as a time: what it cannot read is kept under `raw` instead of refusing the whole payload."""

    def __call__(self, value: object) -> object:
        """None for what is no time."""
        return moment(value)


def moment(value: object) -> datetime | None:
    """The time, if it can be only one; else None.

    - ISO 8601; without a zone: UTC. RFC 2822, as mails and HTTP have it.
    - Seconds, milli-, micro- and nanoseconds since 1970, by their size, also as text and with a fraction.
    - `20260302`, `202603020930`, `20260302093000`, and `2603020930` as gateways of SMS write it; also as a number.

    What several readings fit, such as 02/03/2026, is none of them: its source says `time_format`.

    >>> moment("20260302093000") == moment(1772443800) == moment("Mon, 02 Mar 2026 09:30:00 +0000")
    True
    """
    try:
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, str) and len(value) <= LONGEST:
            return _of_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _of_digits(str(int(value))) if value >= 0 and int(value) == value else _since_1970(value)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def written(value: object, form: str) -> datetime | None:
    """The time of a text or number in a format of `strptime`, which knows no zone of its own: UTC. Else None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()[:LONGEST]
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - a zone is added
    except (ValueError, OverflowError):
        return None
    # A number has lost the zeros at its beginning, by which its parts were told.
    return _utc(found) if isinstance(value, str) or found.strftime(form) == text else None


@lru_cache(maxsize=1024)  # it is asked whether a time can be read, and then for it; and many happen in one second
def _of_text(text: str) -> datetime | None:
    if text[4:5] == "-" and " " not in text[11:]:  # most times, and the quickest way to read one
        return _utc(datetime.fromisoformat(text))
    if (found := NUMBER.fullmatch(text)) is not None:
        return _of_digits(text) if found[1] is None and text.isdecimal() else _since_1970(float(text))
    if (found := NET.fullmatch(text)) is not None:
        return _since_1970(int(found[1]), 10**3)
    if MAIL.fullmatch(text):
        return _utc(parsedate_to_datetime(text))
    return _utc(datetime.fromisoformat(APART.sub("", text.removesuffix(" UTC") + "Z" * text.endswith(" UTC"))))


def _of_digits(digits: str) -> datetime | None:
    """Of a whole number as it was written: what begins with a zero counts nothing."""
    number = int(digits)
    counts = not digits.startswith("0") or number == 0
    if counts and len(digits) == len(str(SECONDS_UNTIL)) and number < SECONDS_UNTIL:
        return _since_1970(number)
    found = list(_dates(digits))
    if found or not counts or len(digits) in NEVER_COUNTED:
        return found[0] if len(found) == 1 else None
    return _since_1970(number)


def _dates(digits: str) -> Iterator[datetime]:
    for form in DIGITS.get(len(digits), ()):
        try:
            found = datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if found.year in YEARS:
            yield found


def _since_1970(number: float, unit: int | None = None) -> datetime:
    size = abs(number)
    unit = unit or next((unit for least, unit in UNITS if size >= least), 1)
    if isinstance(number, int):
        return EPOCH + timedelta(seconds=number // unit, microseconds=number % unit * 10**6 // unit)
    return datetime.fromtimestamp(number / unit, UTC)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = Annotated[datetime | None, BeforeValidator(TimeField())]
"""An aware UTC time, or nothing where none was sent."""
