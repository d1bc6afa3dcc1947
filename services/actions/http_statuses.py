"""What an HTTP status means: one table for statuses of answers, and for codes inside answers that say them.

| status | code | a later try | the effect can be there |
|---|---|---|---|
| 3xx | call_rejected | no | no |
| 401, 403, 407 | credentials_refused | no | no |
| 408, 425, 429, 503 | destination_busy | yes | no |
| other 4xx | call_rejected | no | no |
| other 5xx | destination_failed | yes | yes: it broke somewhere on the way |
"""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.errors import ErrorCode
from services.actions.http_dates import moment_of

CREDENTIALS = frozenset({401, 403, 407})
BUSY = frozenset({408, 425, 429, 503})
FIRST_SERVER_ERROR = 500


def code_of(status: int) -> ErrorCode:
    """The error of a status that is no success."""
    if status in CREDENTIALS:
        return ErrorCode.CREDENTIALS_REFUSED
    if status in BUSY:
        return ErrorCode.DESTINATION_BUSY
    return ErrorCode.DESTINATION_FAILED if status >= FIRST_SERVER_ERROR else ErrorCode.CALL_REJECTED


def effect_possible(status: int) -> bool:
    """Whether the effect can be there in spite of this status."""
    return code_of(status) is ErrorCode.DESTINATION_FAILED


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """The header Retry-After, in seconds or as a date (RFC 9110, 10.2.3); None when absent or neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = moment_of(text)
    return None if until is None else max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
