"""What tools with state have in common: keys, scopes, lengths of time, sizes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from contracts.texts import one_text
from services.flows.catalogue import ToolError
from services.flows.durations import DurationError, parse_duration
from services.tools.toolkit.size_bounds import Text

MOST_BYTES = 100_000
MOST_KEY, KEPT = 1000, 900


def key_of(text: str) -> str:
    """A key in NFC; of one that is too long for an index, its beginning and a digest of all of it."""
    key = one_text(text)
    if len(key) <= MOST_KEY:
        return key
    return f"{key[:KEPT]}…{blake2b(key.encode(), digest_size=16).hexdigest()}"


Key = Annotated[Text, Field(min_length=1), AfterValidator(key_of)]
"""Whose state it is: a phone, an e-mail, an order's number. In NFC; another spelling is another key: normalize."""

Scope = Annotated[str, Field(max_length=100), AfterValidator(one_text)]
"""Flows that write the same scope share the state; empty: this flow's own."""


def seconds(text: str, what: str) -> float:
    """A length of time. Raises ToolError that names the input."""
    try:
        return parse_duration(text)
    except DurationError as error:
        raise ToolError(f"{what}: {error}") from None


def timestamp(at: float) -> str:
    """Seconds since 1970 as a moment in UTC: 2026-05-31T14:30:00.123456+00:00."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def small(value: Any, what: str) -> Any:  # noqa: ANN401 - a JSON value
    """The value, if it can be kept: JSON of at most 100 KB. Raises ToolError."""
    try:
        size = len(orjson.dumps(value))
    except TypeError as error:
        raise ToolError(f"{what} cannot be kept: {error}") from None
    if size > MOST_BYTES:
        raise ToolError(f"{what} has {size:,} bytes, the most is {MOST_BYTES:,}: keep less, such as an id")
    return value
