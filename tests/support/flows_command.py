"""The `flows` command as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

OURS = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "FLOWS_", "HOOK_TOKEN_", "CLOSUM_", "CRM_")


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's environment without any setting of ours, and `more`."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**rest, "COLUMNS": "200", "NO_COLOR": "1", **(more or {})}


def flows(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 60, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `text` is its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=cwd,
        env=environ(env),
        input=text,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
