"""Platforms whose requests are known: one file each, found by being here. CONTRIBUTING.md has the recipe."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

from services.ingest.sources.presets.preset import Preset


def collect(package: ModuleType) -> dict[str, Preset]:
    """The presets that the modules of a package declare as PRESET. Raises TypeError when two have one name."""
    found: dict[str, Preset] = {}
    for info in pkgutil.iter_modules(package.__path__):
        preset = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "PRESET", None)
        if isinstance(preset, Preset) and found.setdefault(preset.name, preset) is not preset:
            raise TypeError(f"two presets are named {preset.name!r}")
    return dict(sorted(found.items()))


PRESETS: dict[str, Preset] = collect(sys.modules[__name__])
