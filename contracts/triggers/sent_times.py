"""Times as senders write them, read as aware UTC times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

MILLISECONDS_FROM = 100_000_000_000  # in seconds that is the year 5138, in milliseconds 1973
LONGEST = 64


class TimeField:
    """Marks a field as a time: what it cannot read is kept under `raw` instead of refusing the whole payload."""

    def __call__(self, value: object) -> object:
        """None for what is no time."""
        return moment(value)


def moment(value: object) -> datetime | None:
    """ISO 8601 (without a zone: UTC), seconds or milliseconds since 1970, also as text; else None."""
    try:
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, str) and len(value) <= LONGEST:
            text = value.strip()
            return _since_1970(int(text)) if text.isdecimal() else _utc(datetime.fromisoformat(text))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _since_1970(value)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _since_1970(number: float) -> datetime:
    return datetime.fromtimestamp(number / 1000 if abs(number) >= MILLISECONDS_FROM else number, UTC)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = Annotated[datetime | None, BeforeValidator(TimeField())]
"""An aware UTC time, or nothing where none was sent."""
