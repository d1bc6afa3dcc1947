"""Where the files stand that commands look at beside flows: the connections, and what is known of Closum."""

from __future__ import annotations

import os
from pathlib import Path

from services.closum.facts import NAME, VARIABLE, beside
from services.project import local
from services.project.root import project


def connections_file() -> Path | None:
    """FLOWS_CONNECTIONS_FILE, else the project's, else that of its `flows dev`, if any. Raises ProjectError."""
    if named := os.environ.get("FLOWS_CONNECTIONS_FILE"):
        return Path(named)
    if own := project().connections:
        return own
    told = local.running()
    named = None if told is None else told.get("connections_file")
    return Path(named) if named else None


def facts_file() -> Path | None:
    """FLOWS_CLOSUM_FILE, else what `flows.yaml` names, else that beside the connections, else the root's; if any."""
    if os.environ.get(VARIABLE):
        return beside(None)
    found = project()
    if found.closum is not None:
        return found.closum
    near = beside(connections_file())
    own = found.folder / NAME
    return near or (own if own.is_file() else None)


def file_to_write() -> Path:
    """The file that a command writes: the one that is read, else the one to make."""
    if (found := facts_file()) is not None:
        return found
    named = os.environ.get("FLOWS_CONNECTIONS_FILE") or project().connections
    return (project().folder if named is None else Path(named).parent) / NAME
