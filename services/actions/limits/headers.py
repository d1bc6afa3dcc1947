"""What an answer says of the destination's limits: how long nothing more may be sent.

| header | read as |
|---|---|
| `RateLimit: "default";r=0;t=30`, `RateLimit-Policy: "default";q=9;w=60` | the IETF draft; without `t`: `w` |
| `RateLimit: limit=100, remaining=0, reset=30`; `RateLimit-Remaining`, `RateLimit-Reset` | its earlier forms |
| `X-RateLimit-Remaining`, `X-RateLimit-Reset`, `X-RateLimit-Reset-After`; also `X-Rate-Limit-…` | by custom |

A reset is a number of seconds, seconds or milliseconds since 1970, or a date. What cannot be read says nothing.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from services.actions.http_dates import moment_of

CUSTOM = ("ratelimit-", "x-ratelimit-", "x-rate-limit-")
SPEAKING = ("ratelimit", *(f"{prefix}remaining" for prefix in CUSTOM))
YEAR_2001, YEAR_2001_MS = 1e9, 1e12  # seconds until a reset are fewer
_NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(?:$|[,;])")
_ITEM = re.compile(r'(?:"[^"]*"|[^",])+')
_PAIR = re.compile(r"(?:^|[;,\s])([a-z]+)=(\d{1,12})", re.IGNORECASE)
_NAME = re.compile(r'\s*("[^"]*"|[\w-]+)')


def pause_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How long nothing may be sent; None: something may, or nothing is said of it. Names are in lower case."""
    if headers.keys().isdisjoint(SPEAKING):
        return None  # of most answers; this is the hot path
    found = list(_standard(headers))
    for prefix in CUSTOM:
        if _number(headers.get(f"{prefix}remaining")) == 0:
            after = _number(headers.get(f"{prefix}reset-after"))
            found.append(_until(headers, f"{prefix}reset", now) if after is None else after)
    waits = [wait for wait in found if wait is not None and wait > 0]
    return max(waits, default=None)


def _standard(headers: Mapping[str, str]) -> Iterator[float | None]:
    given = headers.get("ratelimit")
    if given is None:
        return
    pairs = {name.lower(): float(value) for name, value in _PAIR.findall(given)}
    if "remaining" in pairs:
        if pairs["remaining"] == 0:
            yield pairs.get("reset")
        return
    for item in _ITEM.findall(given):
        said = {name.lower(): float(value) for name, value in _PAIR.findall(item)}
        if said.get("r") == 0:
            yield said["t"] if "t" in said else _window(headers.get("ratelimit-policy", ""), _name(item))


def _window(policies: str, name: str) -> float | None:
    for item in _ITEM.findall(policies):
        if _name(item) == name:
            return {key.lower(): float(value) for key, value in _PAIR.findall(item)}.get("w")
    return None


def _name(item: str) -> str:
    found = _NAME.match(item)
    return found[1] if found else ""


def _number(value: str | None) -> float | None:
    found = _NUMBER.match(value or "")
    return float(found[1]) if found else None


def _until(headers: Mapping[str, str], name: str, now: datetime | None) -> float | None:
    """Seconds until a reset. A moment is compared with the destination's own clock, where it tells it."""
    value = headers.get(name)
    number = _number(value)
    if number is not None and number < YEAR_2001:
        return number
    here = moment_of(headers.get("date")) or now or datetime.now(UTC)
    if number is not None:
        return (number / 1000 if number >= YEAR_2001_MS else number) - here.timestamp()
    moment = moment_of(value)
    return None if moment is None else (moment - here).total_seconds()
