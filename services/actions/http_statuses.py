"""What an HTTP status means: one table for statuses of answers, and for codes inside answers that say them.

| status | source | code | a later try | the effect can be there |
|---|---|---|---|---|
| 302, 303 | RFC 9110, 15.4.3, 15.4.4 | call_rejected | no | yes: servers answer a POST so after they have acted |
| other 3xx | RFC 9110, 15.4 | call_rejected | no | no: the same request is wanted elsewhere, or nothing was asked for |
| 401, 403, 407 | RFC 9110, 15.5.2, 15.5.4, 15.5.8 | credentials_refused | no | no |
| 408 | RFC 9110, 15.5.9: the request did not arrive whole | destination_busy | yes | no |
| 409 to a repetition | IETF draft Idempotency-Key, 2.7 | call_rejected | yes | yes: the first one is at work |
| 421 | RFC 9110, 15.5.20: the wrong server got it | call_rejected | yes | no |
| 423 | RFC 4918, 11.3: what is to be changed is locked | call_rejected | yes | no |
| 425 | RFC 8470, 5.2: not looked at, as it came too early | destination_busy | yes | no |
| 429 | RFC 6585, 4: too many of them | destination_busy | yes | no |
| other 4xx | RFC 9110, 15.5 | call_rejected | no | no |
| 501, 505 | RFC 9110, 15.6.2, 15.6.6: it cannot do such a thing | call_rejected | no | no |
| 503 | RFC 9110, 15.6.4: overloaded or under repair | destination_busy | yes | no |
| 511 | RFC 6585, 6: not of the destination, but of a network on the way | destination_failed | yes | no |
| other 5xx | RFC 9110, 15.6 | destination_failed | yes | yes: it broke somewhere on the way |
| none of HTTP's | RFC 9110, 15: as 5xx; and a 1xx that ends the answer | destination_failed | yes | yes |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.errors import ErrorCode
from services.actions.http_dates import moment_of

REDIRECTS = range(300, 400)
REFUSALS = range(400, 500)
CONFLICT = 409
CREDENTIALS = frozenset({401, 403, 407})
# Without a time zone no moment begins so: a number, or several of them where the header came twice.
SECONDS = re.compile(r"\d+(\.\d+)?(\s*,\s*\d+(\.\d+)?)*")
MOST_SECONDS = 999_999_999.0


@dataclass(frozen=True, slots=True)
class StatusMeaning:
    """`again`: a later try may succeed. `effect_possible`: the effect can be there all the same."""

    code: ErrorCode
    again: bool = False
    effect_possible: bool = False


REJECTED = StatusMeaning(ErrorCode.CALL_REJECTED)
BUSY = StatusMeaning(ErrorCode.DESTINATION_BUSY, again=True)
REJECTED_NOW = StatusMeaning(ErrorCode.CALL_REJECTED, again=True)
FAILED = StatusMeaning(ErrorCode.DESTINATION_FAILED, again=True, effect_possible=True)
STILL_AT_WORK = StatusMeaning(ErrorCode.CALL_REJECTED, again=True, effect_possible=True)
KNOWN = {
    **dict.fromkeys((302, 303), StatusMeaning(ErrorCode.CALL_REJECTED, effect_possible=True)),
    **dict.fromkeys(CREDENTIALS, StatusMeaning(ErrorCode.CREDENTIALS_REFUSED)),
    **dict.fromkeys((408, 425, 429, 503), BUSY),
    **dict.fromkeys((421, 423), REJECTED_NOW),
    **dict.fromkeys((501, 505), REJECTED),
    511: StatusMeaning(ErrorCode.DESTINATION_FAILED, again=True),
}


def meaning_of(status: int, *, repeated: bool = False) -> StatusMeaning:
    """What a status that is no success means. `repeated`: an earlier request for the same effect may be at work."""
    if status == CONFLICT and repeated:
        return STILL_AT_WORK
    if (known := KNOWN.get(status)) is not None:
        return known
    return REJECTED if status in REDIRECTS or status in REFUSALS else FAILED


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The header Retry-After, in seconds or as a date (RFC 9110, 10.2.3); None when absent or neither.

    A fraction is taken, though it is against the rule; of several numbers the largest; a date that is past is 0. A date
    is by the destination's own clock, where it tells it (`Date`): it need not agree with ours.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and SECONDS.fullmatch(text):
        return min(MOST_SECONDS, max(float(part) for part in text.split(",")))
    until = moment_of(text)
    here = moment_of(headers.get("date")) or now or datetime.now(UTC)
    return None if until is None else max(0.0, (until - here).total_seconds())
