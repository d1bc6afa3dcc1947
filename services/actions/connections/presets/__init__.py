"""Platforms whose APIs are known: one file each, found by being here. CONTRIBUTING.md has the recipe."""

from __future__ import annotations

import sys

from services.actions.connections.presets.preset import ConnectionPreset
from services.runtime.documents.evidence import declared

PRESETS: dict[str, ConnectionPreset] = declared(sys.modules[__name__], ConnectionPreset)
