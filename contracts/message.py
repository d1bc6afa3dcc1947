"""The base of every message: frozen; unknown fields are kept out of our own messages, so that a typo cannot hide."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import from_json

from contracts.json_values import plain

LONGEST_NAME = 512
DEEPEST = 200  # as pydantic's own reader and writer
MOST_COUNT = 2**31 - 1
TEN_YEARS = 315_360_000.0


class Message(BaseModel):
    """A message between our own services. Unknown fields are ignored: an older reader meets a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    @classmethod
    def read(cls, value: bytes | None) -> Self:
        """A record's value, whoever wrote it: what it holds can be stored anywhere (`contracts.json_values`).

        Raises pydantic.ValidationError and nothing else.
        """
        content = value or b""
        try:
            if content.count(b"[") + content.count(b"{") <= DEEPEST:
                found = orjson.loads(content)  # whole numbers over 64 bits are doubles already
                return cls.model_validate(plain(found) if b"\\u0000" in content else found)
        except orjson.JSONDecodeError:
            pass  # or with a number that no double is
        try:
            found = from_json(content)
        except ValueError:
            return cls.model_validate_json(content)  # which says where it is no JSON
        return cls.model_validate(plain(found))

    def to_bytes(self) -> bytes:
        """UTF-8 JSON; absent optionals are left out."""
        return self.model_dump_json(exclude_none=True).encode()


# What a column of PostgreSQL can hold. Not in the JSON Schemas: one that is released is never made narrower, and nobody
# has a use for more.


def _short(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"has {len(value)} characters, and at most {LONGEST_NAME} are taken")
    return value


def _countable(value: int) -> int:
    if value > MOST_COUNT:
        raise ValueError(f"is over {MOST_COUNT}")
    return value


def _in_utc(value: datetime) -> datetime:
    if MINYEAR < value.year < MAXYEAR:
        return value
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the first or the last year in UTC") from None
    return value


Name = Annotated[str, AfterValidator(_short)]
"""An id or a name of ours: at most 512 characters, so that an index can hold it."""

countable = AfterValidator(_countable)

Count = Annotated[int, Field(ge=0), countable]
"""A number of things: 32 bits."""

Seconds = Annotated[float, Field(gt=0), AfterValidator(lambda value: min(value, TEN_YEARS))]
"""A length of time. More than ten years is ten years."""

Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with its zone, that is one in UTC too."""
