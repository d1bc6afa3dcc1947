"""Moments in headers of answers. Whatever a destination writes there, reading it fails no call."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def moment_of(text: str | None) -> datetime | None:
    """A date of HTTP (RFC 9110, 5.6.7) or of ISO 8601, as an aware moment; None for anything else."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text or "")
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None
