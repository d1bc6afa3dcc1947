"""The connections file that commands look at: FLOWS_CONNECTIONS_FILE, else that of the `flows dev` of this folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from services.actions.connections import Connection, load
from services.cli import installation
from services.cli.terminal import CommandError
from services.runtime.settings import SettingsError


def connections_file() -> Path | None:
    """The file, if there is one."""
    if named := os.environ.get("FLOWS_CONNECTIONS_FILE"):
        return Path(named)
    told = installation.running()
    named = None if told is None else told.get("connections_file")
    return Path(named) if named else None


def shown_connections() -> Mapping[str, Connection]:
    """The connections without their secrets; none when there is no file, or it cannot be read."""
    with contextlib.suppress(SettingsError):
        return load(connections_file(), secrets=False)
    return {}


def usable_connections(file: Path | None, environ: Mapping[str, str]) -> Mapping[str, Connection]:
    """The connections with their secrets. Raises CommandError with every fault of the file."""
    try:
        return load(file, environ)
    except SettingsError as error:
        raise CommandError(str(error)) from None
