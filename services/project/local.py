"""`.flows/`: what the `flows dev` that runs in this project says of itself, and the secrets that it made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.project.root import project

RUNNING = "running.json"
SECRETS = "secrets.json"


def running(folder: Path | None = None) -> Mapping[str, Any] | None:
    """What it says, if it runs. Raises ProjectError."""
    try:
        told: dict[str, Any] = json.loads(((folder or project().local) / RUNNING).read_text())
        os.kill(int(told["pid"]), 0)
    except PermissionError:  # it runs, as another user
        return told
    except (OSError, ValueError, KeyError):
        return None
    return told


def kept_secrets(folder: Path | None = None) -> dict[str, str]:
    """Tokens and keys by variable; none where none were made, or the file cannot be read. Raises ProjectError."""
    try:
        found: dict[str, str] = json.loads(((folder or project().local) / SECRETS).read_text())
    except (OSError, ValueError):
        return {}
    return found
