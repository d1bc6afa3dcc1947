"""`.flows/`: what the `flows dev` that runs in this project says of itself, and the secrets that it made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.project.root import LOCAL

RUNNING = "running.json"
SECRETS = "secrets.json"


def running(folder: Path = LOCAL) -> Mapping[str, Any] | None:
    """What it says, if it runs."""
    try:
        told: dict[str, Any] = json.loads((folder / RUNNING).read_text())
        os.kill(int(told["pid"]), 0)
    except PermissionError:  # it runs, as another user
        return told
    except (OSError, ValueError, KeyError):
        return None
    return told


def kept_secrets(folder: Path = LOCAL) -> dict[str, str]:
    """Tokens and keys by variable; none where none were made, or the file cannot be read."""
    try:
        found: dict[str, str] = json.loads((folder / SECRETS).read_text())
    except (OSError, ValueError):
        return {}
    return found
