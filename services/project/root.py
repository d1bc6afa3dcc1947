"""Where a project is, and what stands in it without being named.

Every path is below ROOT, which is the folder where a command runs. A `flows.yaml` that is found upward from there, and
marks the root, has its place here: the rest follows.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path()
LOCAL = ROOT / ".flows"
FLOWS = (ROOT / "flows", ROOT / "examples")
SOURCES = (ROOT / "sources.yaml", ROOT / "sources")


def flows_folder() -> Path | None:
    """The folder of flows: the first of FLOWS that is there."""
    return next((folder for folder in FLOWS if folder.is_dir()), None)
