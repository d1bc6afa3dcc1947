"""Presets as commands show them: of sources and of connections alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from services.cli.terminal import CommandError
from services.runtime.documents.evidence import Evidenced, Known
from services.runtime.documents.suggestion import suggestion

LEVELS = tuple(known.value for known in Known)
Preset = TypeVar("Preset", bound=Evidenced)


def chosen(name: str, presets: Mapping[str, Preset]) -> Preset:
    """The preset of this name. Raises CommandError, with the nearest one."""
    found = presets.get(name)
    if found is None:
        raise CommandError(f"there is no preset {name!r}; {suggestion(name, presets)}")
    return found


def counts(preset: Evidenced) -> dict[str, int]:
    """How many facts are how sure."""
    return {known.value: preset.count(known) for known in Known}


def unsure(preset: Evidenced) -> str:
    """What is not confirmed, as a list in words."""
    return ", ".join(what for what, one in preset.facts.items() if one.known is not Known.CONFIRMED) or "nothing"


def facts(preset: Evidenced) -> list[dict[str, Any]]:
    """A row a fact."""
    return [
        {"what": what, "known": one.known.value, "document": one.document, "read": one.read}
        for what, one in preset.facts.items()
    ]
