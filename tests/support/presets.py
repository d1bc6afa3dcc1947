"""Connections as presets write them, loaded with secrets that are made."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from joserfc.jwk import ECKey

from services.actions.connections import Connection, load
from services.actions.connections.presets.preset import ConnectionPreset

NAME = "one"


@cache
def _key() -> str:
    return json.dumps(ECKey.generate_key("P-256", private=True).as_dict(private=True))


def environ(preset: ConnectionPreset) -> dict[str, str]:
    """What a person would set."""
    signed = "private_key" in preset.entry["authentication"]
    return {name: _key() if signed else "made-0123456789abcdef" for name in preset.variables(NAME)}


def loaded(folder: Path, preset: ConnectionPreset) -> Connection:
    """The connection that a preset writes."""
    file = folder / "connections.yaml"
    file.write_text(json.dumps({"connections": {NAME: preset.connection(NAME)}}))
    return load(file, environ(preset))[NAME]
