"""How sure a fact about somebody else's system is, and from which document. Data only."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, Protocol, TypeVar

READ, NOT_READ = "2026-11-30", "not read"


class Known(Enum):
    """How sure a fact is."""

    CONFIRMED = "confirmed"
    INFERRED = "inferred"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where something is known from. `of`: the parts of a preset that it is about."""

    known: Known
    document: str
    of: tuple[str, ...]
    read: str = READ


def confirmed(document: str, *of: str, read: str = READ) -> Evidence:
    """The document says so, or a public sample of the platform shows it."""
    return Evidence(Known.CONFIRMED, document, of, read)


def inferred(document: str, *of: str, read: str = READ) -> Evidence:
    """It follows from the document, or from what others do with it."""
    return Evidence(Known.INFERRED, document, of, read)


def assumed(document: str, *of: str) -> Evidence:
    """Nothing public says so; the document is the nearest to it."""
    return Evidence(Known.ASSUMED, document, of)


def unread(document: str, *of: str) -> Evidence:
    """Assumed, as the document that would say it could not be read."""
    return Evidence(Known.ASSUMED, document, of, NOT_READ)


class Evidenced:
    """What is known of a platform, part by part."""

    __slots__ = ()
    evidence: Sequence[Evidence]

    @property
    def facts(self) -> dict[str, Evidence]:
        """Each part with what is known of it."""
        return {what: one for one in self.evidence for what in one.of}

    def count(self, known: Known) -> int:
        """How many facts are so sure."""
        return sum(one.known is known for one in self.facts.values())


def named(value: Any, name: str) -> Any:  # noqa: ANN401 - any value of a YAML file
    """The entry of a file with a name in the place of each `{NAME}`."""
    if isinstance(value, Mapping):
        return {key: named(inner, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [named(inner, name) for inner in value]
    return value.replace("{NAME}", name) if isinstance(value, str) else value


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Declared = TypeVar("Declared", bound=_Named)


def declared(package: ModuleType, kind: type[Declared]) -> dict[str, Declared]:
    """What the modules of a package declare as PRESET, by name. Raises TypeError when two have one name."""
    found: dict[str, Declared] = {}
    for info in pkgutil.iter_modules(package.__path__):
        preset = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "PRESET", None)
        if isinstance(preset, kind) and found.setdefault(preset.name, preset) is not preset:
            raise TypeError(f"two presets are named {preset.name!r}")
    return dict(sorted(found.items()))
