"""Platforms whose requests are known: one file each, found by being here. CONTRIBUTING.md has the recipe."""

from __future__ import annotations

import sys
from types import ModuleType

from services.ingest.sources.presets.preset import Preset
from services.runtime.documents.evidence import declared


def collect(package: ModuleType) -> dict[str, Preset]:
    """The presets that the modules of a package declare as PRESET. Raises TypeError when two have one name."""
    return declared(package, Preset)


PRESETS: dict[str, Preset] = collect(sys.modules[__name__])
