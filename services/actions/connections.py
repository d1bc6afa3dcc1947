"""The connections file: where calls go and with which credentials. A flow names a connection and never sees its secret.

    connections:
      closum:
        base_url: https://api.closum.com/v2/
        authentication: { query: api-key, secret: { env: CLOSUM_API_KEY } }
      crm:
        base_url: https://crm.example.com
        authentication: { bearer: { file: /run/secrets/crm-token } }

Other forms of `authentication`: `{ header: X-Api-Key, secret: … }`, `{ basic: USER, password: … }`, `{ oauth2:
TOKEN-URL, client_id: ID, client_secret: … }`; absent: none. What else there is: docs/connections.md. Read once at the
start: a changed secret needs a restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from services.actions.connection_parts import Credentials, Limits, OAuth2, Probe, Transport
from services.actions.connections_file import Entry, File, Read
from services.actions.endpoint import Endpoint
from services.runtime.documents.secrets import HIDDEN, Mask, SecretError, SecretSource
from services.runtime.http import Client
from services.runtime.settings import SettingsError


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, ready for use: nothing is looked up again for a call. Its repr holds no secret.

    `client` and `credentials` are there while a worker runs (see equip.py), where the connection needs its own.
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    mask: Mask = field(default_factory=lambda: Mask(()), repr=False)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    allowed_hosts: tuple[str, ...] = ()
    call_seconds: float | None = None
    limits: Limits = field(default_factory=Limits)
    transport: Transport | None = None
    oauth2: OAuth2 | None = None
    probe: Probe | None = None
    client: Client | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)


class _PartError(Exception):
    """A secret or file is missing, with the part of the entry that it is about."""

    def __init__(self, part: str, error: SecretError) -> None:
        super().__init__(str(error))
        self.part = part


def load(path: Path | None, environ: Mapping[str, str] | None = None, *, secrets: bool = True) -> dict[str, Connection]:
    """Read the file; no file: no connections. Raises SettingsError with every fault: `file:line: where: what`.

    Without `secrets` none is read: `[hidden]` stands for each, for whoever only shows what would be sent.
    """
    if path is None:
        return {}
    text = _text(path)
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    try:
        entries = File.model_validate(_plain(document)).connections
    except ValidationError as error:
        raise SettingsError("\n".join(_told(path, document, dict(fault)) for fault in error.errors())) from None
    seen: list[str] = []

    def read(source: SecretSource) -> str:
        if not secrets:
            return HIDDEN
        seen.append(source.read(os.environ if environ is None else environ))
        return seen[-1]

    made: dict[str, Connection] = {}
    faults = []
    for name, entry in entries.items():
        seen.clear()
        try:
            made[name] = _made(name, entry, read, seen, secrets=secrets)
        except _PartError as error:
            where = ("connections", name, error.part)
            faults.append(f"{path}:{_line(document, where)}: {'.'.join(where)}: {error}")
    if faults:
        raise SettingsError("\n".join(faults))
    return made


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"FLOWS_CONNECTIONS_FILE={str(path)!r}: cannot be read: {reason}") from None


def _made(name: str, entry: Entry, read: Read, seen: list[str], *, secrets: bool) -> Connection:
    """Raises _PartError."""
    headers: Mapping[str, str] = {}
    query, oauth2 = "", None
    hidden: tuple[str, ...] = ()
    if entry.authentication is not None:
        try:
            headers, query, hidden = entry.authentication.applied(read)
            oauth2 = entry.authentication.client(read)
        except SecretError as error:
            raise _PartError("authentication", error) from None
    try:
        transport = entry.transport(read) if secrets else None
    except SecretError as error:
        raise _PartError("proxy" if entry.tls is None else "tls", error) from None
    return Connection(
        name,
        entry.base_url,
        headers,
        query,
        Mask((*seen, *hidden)),
        endpoints=entry.rows(),
        allowed_hosts=tuple(host.lower() for host in entry.allowed_hosts),
        call_seconds=entry.call_seconds,
        limits=entry.bounds(),
        transport=transport,
        oauth2=oauth2,
        probe=entry.trial(),
    )


def _plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list) else node


def _told(path: Path, document: Any, fault: dict[str, Any]) -> str:  # noqa: ANN401 - YAML is anything
    where = tuple(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    # Never the input itself: somebody may have written a secret where its name belongs.
    return f"{path}:{_line(document, where)}: {'.'.join(where) or 'the file'}: {message}"


def _line(node: Any, where: tuple[str, ...]) -> int:  # noqa: ANN401 - YAML is anything
    """The line of the deepest part of a path that the document has."""
    line = 1
    for part in where:
        if not isinstance(node, CommentedMap) or part not in node:
            break
        line = node.lc.key(part)[0] + 1
        node = node[part]
    return line
