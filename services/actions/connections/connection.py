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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.runs import Run
from services.actions.connections.answer_failure import AnswerFailure
from services.actions.connections.connections_file import ConnectionEntry, ConnectionsFile, IdempotencyEntry, Read
from services.actions.connections.parts import ConnectionLimits, Credentials, OAuth2, OwnTransport, Probe
from services.actions.connections.request_signing import RequestSigning
from services.actions.registry import ENDPOINTS, SHAPES
from services.closum.endpoint import Endpoint
from services.closum.facts import Facts, beside
from services.closum.facts import load as load_facts
from services.flows.idempotency import ASSUMED, IdempotencyKey
from services.runtime.documents import yaml_file
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.secrets import HIDDEN, Mask, SecretError, SecretSource
from services.runtime.documents.yaml_file import FileError, YamlFile
from services.runtime.http import Client
from services.runtime.settings import SettingsError


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, ready for use: nothing is looked up again for a call. Its repr holds no secret.

    `client` and `credentials` are there while a worker runs, where the connection needs its own (connection_setup.py).
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    mask: Mask = field(default_factory=lambda: Mask(()), repr=False)
    more_headers: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[AnswerFailure, ...] = ()
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    allowed_hosts: tuple[str, ...] = ()
    call_seconds: float | None = None
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    idempotency: IdempotencyKey | None = None
    transport: OwnTransport | None = None
    oauth2: OAuth2 | None = None
    signing: RequestSigning | None = None
    probe: Probe | None = None
    client: Client | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)


NOWHERE = Connection("", "")
"""No connection: whole addresses, no credentials."""


def relied_on(connection: Connection | None, run: Run) -> Connection | None:
    """The connection, as a call of this run may count on it.

    Runs of before `keys_declared` count on an Idempotency-Key wherever they go.
    """
    if run.keys_declared or (connection is not None and connection.idempotency is not None):
        return connection
    return replace(connection or NOWHERE, idempotency=ASSUMED)


class _PartError(Exception):
    """A secret or file is missing, with the part of the entry that it is about."""

    def __init__(self, part: str, error: Exception) -> None:
        super().__init__(str(error))
        self.part = part


def load(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    *,
    secrets: bool = True,
    facts: Facts | None = None,
) -> dict[str, Connection]:
    """Read the file; no file: no connections. Raises SettingsError with every fault: `file:line:col: where: what`.

    Without `secrets` none is read: `[hidden]` stands for each, for whoever only shows what would be sent. `facts`: of
    Closum; absent: those of the closum.yaml beside the file.
    """
    if path is None:
        return {}
    known = load_facts(beside(path, environ), SHAPES) if facts is None else facts
    file = _read(path)
    try:
        entries = ConnectionsFile.model_validate(file.content()).connections
    except ValidationError as error:
        raise SettingsError("\n".join(_told(path, file, dict(fault)) for fault in error.errors())) from None
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
            made[name] = _made(name, entry, read, seen, known, secrets=secrets)
        except _PartError as error:
            faults.append(_fault(path, file, ("connections", name, error.part), str(error)))
    if faults:
        raise SettingsError("\n".join(faults))
    return made


def declared_key(entry: object) -> IdempotencyKey | None:
    """What an entry of the file declares; None: nothing, or nothing that can be read."""
    declared = entry.get("idempotency") if isinstance(entry, dict) else None
    try:
        return None if declared is None else IdempotencyEntry.model_validate(declared).key()
    except ValidationError:
        return None


def _read(path: Path) -> YamlFile:
    try:
        return yaml_file.read(path)
    except FileError as error:
        if error.code is FaultCode.FILE_UNREADABLE:
            raise SettingsError(f"FLOWS_CONNECTIONS_FILE={str(path)!r}: {error}") from None
        raise SettingsError(f"{path}:{error.line}:{error.col}: {error}") from None


def _made(name: str, entry: ConnectionEntry, read: Read, seen: list[str], facts: Facts, *, secrets: bool) -> Connection:
    """Raises _PartError."""
    of_closum = name in facts.connections
    headers: Mapping[str, str] = {}
    query, oauth2 = "", None
    hidden: tuple[str, ...] = ()
    if entry.authentication is not None:
        try:
            shown = entry.authentication.moved(facts.key) if of_closum and facts.key else entry.authentication
            headers, query, hidden = shown.applied(read)
            oauth2 = shown.client(name, read)
        except (SecretError, ValueError) as error:
            raise _PartError("authentication", error) from None
    try:
        signing = None if entry.signing is None else entry.signing.made(read)
    except SecretError as error:
        raise _PartError("signing", error) from None
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
        endpoints=entry.rows(facts.rows(ENDPOINTS)),
        allowed_hosts=tuple(host.lower() for host in entry.allowed_hosts),
        call_seconds=entry.call_seconds,
        more_headers=entry.headers,
        failures=tuple(one.sign() for one in entry.failure),
        limits=entry.bounds(facts.limits if of_closum else None),
        idempotency=None if entry.idempotency is None else entry.idempotency.key(),
        transport=transport,
        oauth2=oauth2,
        signing=signing,
        probe=entry.trial(),
    )


def _told(path: Path, file: YamlFile, fault: dict[str, Any]) -> str:
    # Never the input itself: somebody may have written a secret where its name belongs.
    message = str(fault["msg"]).removeprefix("Value error, ")
    return _fault(path, file, file.written(fault["loc"]), message, key=fault["type"] == "extra_forbidden")


def _fault(path: Path, file: YamlFile, where: tuple[str, ...], message: str, *, key: bool = False) -> str:
    line, col = file.location(where, key=key)
    return f"{path}:{line}:{col}: {'.'.join(where) or 'the file'}: {message}"
