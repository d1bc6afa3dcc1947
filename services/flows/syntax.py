"""What stands in a flow: words, and values with the expressions in them, each with its location. Frozen."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.documents.locations import Location, TextOrigin
from services.runtime.documents.yaml_tree import Plain


@dataclass(frozen=True, slots=True)
class Word:
    """A name that stands in the file: a trigger, a tool, an id."""

    text: str
    location: Location


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without an expression in it."""

    value: Plain
    location: Location


@dataclass(frozen=True, slots=True)
class Expression:
    """What stands between `${` and `}`."""

    source: str
    origin: TextOrigin

    @property
    def location(self) -> Location:
        """Its first character."""
        return self.origin.start


@dataclass(frozen=True, slots=True)
class Template:
    """Text around expressions: always gives text."""

    parts: tuple[str | Expression, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values."""

    items: tuple[Value, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values by name."""

    items: tuple[tuple[Word, Value], ...]
    location: Location


Value = Constant | Expression | Template | ListOf | MapOf
