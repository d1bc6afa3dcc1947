"""The connections that commands look at, as closum.yaml and their own file say."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from services.actions.connections import Connection, declared_key, load
from services.flows.idempotency import IdempotencyKey
from services.project.closum_facts import facts
from services.project.errors import ProjectError
from services.project.places import connections_file
from services.runtime.documents import yaml_file
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_file import FileError
from services.runtime.settings import SettingsError

__all__ = [
    "connection_names",
    "connections_file",
    "declarations",
    "known_declarations",
    "listed_connections",
    "shown_connections",
    "usable_connection",
    "usable_connections",
]


def listed_connections() -> Mapping[str, Connection]:
    """The connections without their secrets; none when no file is named. Raises ProjectError with every fault of it."""
    try:
        return load(connections_file(), secrets=False, facts=facts())
    except SettingsError as error:
        raise ProjectError(str(error)) from None


def shown_connections() -> Mapping[str, Connection]:
    """The same for what can be shown without: none when the file is wrong or cannot be read."""
    with contextlib.suppress(ProjectError):
        return listed_connections()
    return {}


def usable_connections(file: Path | None, environ: Mapping[str, str]) -> Mapping[str, Connection]:
    """The connections with their secrets. Raises ProjectError with every fault of the file."""
    try:
        return load(file, environ, facts=facts())
    except SettingsError as error:
        raise ProjectError(str(error)) from None


def usable_connection(name: str, file: Path | None, environ: Mapping[str, str]) -> Connection:
    """One of them, with its secrets: of this file, else of that which commands look at. Raises ProjectError."""
    file = file or connections_file()
    if file is None:
        raise ProjectError(
            "no file of connections is named: set FLOWS_CONNECTIONS_FILE, or `connections:` in your folder's flows.yaml"
        )
    known = usable_connections(file, environ)
    if name not in known:
        raise ProjectError(f"there is no connection {name!r} in {str(file)!r}; {suggestion(name, known)}")
    return known[name]


def declarations(file: Path) -> Mapping[str, IdempotencyKey | None]:
    """What each connection of a file declares that its destination honours. No secret is read. Raises ProjectError.

    Of its other parts nothing is checked: that is for those who use them. A wrong declaration counts as none.
    """
    try:
        content = yaml_file.read(file).content()
    except FileError as error:
        raise ProjectError(f"{file}:{error.line}:{error.col}: the connections file: {error}") from None
    found = content.get("connections") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise ProjectError(f"{str(file)!r} is no connections file: see deploy/config/connections.yaml")
    return {name: declared_key(entry) for name, entry in found.items()}


def known_declarations() -> Mapping[str, IdempotencyKey | None] | None:
    """Those of the file that commands look at; None when there is none, or it cannot be read."""
    with contextlib.suppress(ProjectError):
        file = connections_file()
        return None if file is None else declarations(file)
    return None


def connection_names(file: Path) -> frozenset[str]:
    """The names that a connections file gives. Its secrets are not read. Raises ProjectError."""
    return frozenset(declarations(file))
