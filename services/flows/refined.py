"""Texts that are more than texts: a phone number, an e-mail address, a time zone. The type checker tells them apart.

Two kinds of mark stand in a model's annotation, and `mark_of(field)` and the model's JSON Schema show them:

- `Refined("phone")`: what a value *is*. Where a refined text is needed, plain text is a type error: a tool has to make
  it first (`phone.format` makes phones). `Phone`, `Email`, `Url`, `Digits`, `Timestamp`, `Duration`.
- `Checked("time_zone")`: an option with a closed set or a grammar. Plain text fits, and a text that stands in the
  flow is proved at once, with the field's own validation. `TimeZone`, `Region`, `Language`, `Pattern`.

In Outputs a refined text may be empty when a tool found nothing: `e164: Phone = ""`. The default is not validated, so
an empty text can be given but never taken as an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Protocol
from zoneinfo import ZoneInfo

import phonenumbers
import re2
from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, GetJsonSchemaHandler, StringConstraints, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.flows.durations import parse_duration
from services.flows.proved import Proved

MAX_PATTERN = 500


@dataclass(frozen=True, slots=True)
class Refined:
    """What a text is. Plain text does not fit where it is needed. In JSON Schema: `"refined": "phone"`."""

    kind: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The mark stands in the schema, which the type checker reads."""
        return {**handler(core), "refined": self.kind}


@dataclass(frozen=True, slots=True)
class CheckedText:
    """What a text must be to work. Plain text fits, a literal is proved. In JSON Schema: `"checked": "region"`."""

    kind: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The mark stands in the schema, which the type checker reads."""
        return {**handler(core), "checked": self.kind}


class PatternMatch(Protocol):
    """What one hit of a pattern says."""

    def group(self, group: int = 0, /) -> str | None:
        """The text of a group; 0 is the whole hit."""

    def groups(self) -> tuple[str | None, ...]:
        """The texts of the groups."""

    def groupdict(self) -> dict[str, str | None]:
        """The texts of the named groups."""

    def start(self) -> int:
        """Where the hit begins."""

    def end(self) -> int:
        """Where the hit ends."""

    def expand(self, template: str, /) -> str:
        r"""A template with `\1` and `\g<name>` filled."""


class Compiled(Protocol):
    """A compiled pattern: RE2 ships no types."""

    groups: int
    groupindex: dict[str, int]

    def search(self, text: str, /) -> PatternMatch | None:
        """The first hit anywhere in the text."""

    def finditer(self, text: str, /) -> Iterator[PatternMatch]:
        """All hits, one after the other."""


def mark_of(field: FieldInfo) -> Refined | CheckedText | None:
    """The mark of a model's field, or None for plain text. For `list[Phone]` look into the annotation's arguments."""
    return next((mark for mark in field.metadata if isinstance(mark, Refined | CheckedText)), None)


def _email(text: str) -> str:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"{text!r} is not an e-mail address: {error}") from None
    return text


def _timestamp(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-05-31T14:30:00+01:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC: end it with Z or +01:00")
    return text


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA data base. Raises ValueError that says what is wanted."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # ZoneInfo reads files: a folder's name ("Europe") and a path out of its folder are refused by other errors.
        raise ValueError(f"{name!r} is no time zone. Write a name such as Europe/Lisbon or UTC") from None


def _zone_name(name: str) -> str:
    zone(name)
    return name


UNNUMBERED = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
"""Of ISO 3166, but without a numbering plan: numbers there are international ones."""


def _region(code: str) -> str:
    """The two letters of a country. Raises ValueError that says what is wanted."""
    if code not in phonenumbers.SUPPORTED_REGIONS and code not in UNNUMBERED:
        raise ValueError(f"{code!r} is no country. Write its two capital letters, such as PT")
    return code


@lru_cache(maxsize=256)
def locale(name: str) -> Locale:
    """A language of the CLDR, `pt`, `pt-PT` or `pt_PT`. Raises ValueError that says what is wanted."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{name!r} is no known language. Write one such as pt-PT, en or es-ES") from None


def _locale_name(name: str) -> str:
    locale(name)
    return name


@lru_cache(maxsize=1024)
def pattern(text: str, *, ignore_case: bool = False) -> Compiled:
    """A compiled pattern of RE2, whose time is linear in the text whatever the pattern. ValueError names its fault."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    options.max_mem = 1 << 20
    try:
        compiled: Compiled = re2.compile(text, options)
    except re2.error as error:
        told = error.args[0]
        fault = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        # RE2 repeats the pattern's part with its line breaks, and a fault is one line.
        raise ValueError(f"{text!r} is no regular expression of RE2: {' '.join(fault.split())}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is no regular expression of RE2: it holds half of a surrogate pair") from None
    return compiled


def _pattern_text(text: str) -> str:
    pattern(text)
    return text


Phone = Annotated[str, Refined("phone"), StringConstraints(pattern=r"^\+[1-9][0-9]{3,14}$", max_length=16)]
"""E.164 with its plus: `+351912345678`."""

Digits = Annotated[str, Refined("digits"), StringConstraints(pattern=r"^[0-9]+$", max_length=15)]
"""A phone's digits without plus, at most 15 (E.164): what Closum and WhatsApp want."""

Email = Annotated[str, Refined("email"), StringConstraints(max_length=320), AfterValidator(_email)]
"""An e-mail address by RFC 5321 and 6531; that its mailbox exists is not said."""

Url = Annotated[str, Refined("url"), StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s]*$", max_length=8000)]
"""An absolute http or https address."""

Timestamp = Annotated[str, Refined("timestamp"), StringConstraints(max_length=40), AfterValidator(_timestamp)]
"""ISO 8601 with an offset from UTC: `2026-05-31T14:30:00+01:00`."""

Duration = Annotated[
    str,
    Refined("duration"),
    StringConstraints(pattern=r"^([0-9]{1,9}(ms|[smhdw]))+$", max_length=60),
    Proved(parse_duration),
]
"""A length of time as flows write it: `90s`, `2h30m`, `30d`."""

TimeZone = Annotated[str, CheckedText("time_zone"), StringConstraints(max_length=60), AfterValidator(_zone_name)]
"""A name of the IANA data base: `Europe/Lisbon`."""

Region = Annotated[str, CheckedText("region"), StringConstraints(max_length=2), AfterValidator(_region)]
"""A country by its ISO 3166 letters: `PT`."""

Language = Annotated[str, CheckedText("language"), StringConstraints(max_length=20), AfterValidator(_locale_name)]
"""A language with or without country: `pt-PT`, `en`."""

Pattern = Annotated[
    str, CheckedText("pattern"), StringConstraints(max_length=MAX_PATTERN), AfterValidator(_pattern_text)
]
"""A regular expression of RE2: linear time, no look-around and no back references."""

KINDS: Mapping[str, Any] = {
    "phone": Phone,
    "digits": Digits,
    "url": Url,
    "timestamp": Timestamp,
    "email": Email,
    "duration": Duration,
    "region": Region,
    "language": Language,
    "time_zone": TimeZone,
}
"""What a text can be, by the names of the marks."""


def is_a(kind: str, text: str) -> bool:
    """Whether a text is of this kind."""
    try:
        _adapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@lru_cache
def _adapter(kind: str) -> TypeAdapter[str]:
    return TypeAdapter(KINDS[kind])
