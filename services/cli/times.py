"""`--since`: a duration back from now, such as `30m`, `2h`, `7d`, or a date and time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from services.cli.terminal import CommandError

DURATION = re.compile(r"(\d+)([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str | None) -> datetime | None:
    """The moment that `--since` names. Raises CommandError."""
    if text is None:
        return None
    if found := DURATION.fullmatch(text.strip()):
        return datetime.now(UTC) - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r} is neither a duration (30m, 2h, 7d) nor a date and time", 2) from None
    return at if at.tzinfo else at.astimezone()


def clock(at: datetime) -> str:
    """A moment as a person at this machine reads it."""
    return at.astimezone().strftime("%m-%d %H:%M:%S")
