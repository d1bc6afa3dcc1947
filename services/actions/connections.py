"""The connections file: where calls go and with which credentials. A flow names a connection and never sees its secret.

    connections:
      closum:
        base_url: https://api.closum.com/v2/
        authentication: { query: api-key, secret: { env: CLOSUM_API_KEY } }
      crm:
        base_url: https://crm.example.com
        authentication: { bearer: { file: /run/secrets/crm-token } }

Other forms of `authentication`: `{ header: X-Api-Key, secret: … }`, `{ basic: USER, password: … }`; absent: none.
Read once at the start: a changed secret needs a restart.
"""

from __future__ import annotations

import base64
import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from services.actions.endpoint import Endpoint
from services.actions.secrets import Mask, SecretError, SecretSource
from services.runtime.settings import SettingsError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, ready for use: nothing is looked up again for a call. Its repr holds no secret."""

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    mask: Mask = field(default_factory=lambda: Mask(()), repr=False)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)


class _Authentication(BaseModel):
    """One of: query or header with secret; bearer; basic with password."""

    model_config = ConfigDict(extra="forbid")

    query: str | None = Field(default=None, min_length=1)
    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,100}$")
    secret: SecretSource | None = None
    bearer: SecretSource | None = None
    basic: str | None = Field(default=None, pattern=r"^[^:]*$")
    password: SecretSource | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = {
            ("query", "secret"),
            ("header", "secret"),
            ("bearer",),
            ("basic", "password"),
        }
        given = tuple(name for name in type(self).model_fields if getattr(self, name) is not None)
        if given not in forms:
            raise ValueError(
                "authentication is one of { query: NAME, secret: … }, { header: NAME, secret: … }, { bearer: … }, "
                "{ basic: USER, password: … }"
            )
        return self

    def applied(self, environ: Mapping[str, str]) -> tuple[dict[str, str], str, tuple[str, ...]]:
        """Headers, query and what must never be seen. Raises SecretError."""
        source = self.secret or self.bearer or self.password
        secret = "" if source is None else source.read(environ)
        if self.query is not None:
            return {}, f"{quote(self.query, safe='')}={quote(secret, safe='')}", (secret,)
        if not secret.isascii() and self.basic is None:
            raise SecretError("the secret holds other than ASCII characters, which a header cannot carry")
        if self.header is not None:
            return {self.header: secret}, "", (secret,)
        if self.bearer is not None:
            return {"Authorization": f"Bearer {secret}"}, "", (secret,)
        pair = base64.b64encode(f"{self.basic}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}, "", (secret, pair)


class _Entry(BaseModel):
    """One connection as the file has it."""

    model_config = ConfigDict(extra="forbid")

    base_url: str
    authentication: _Authentication | None = None

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"no valid address: {error}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an address such as https://crm.example.com/api is expected")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("no credentials, query or fragment here: they belong under `authentication`")
        return value.rstrip("/")


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    connections: dict[str, _Entry]

    @field_validator("connections")
    @classmethod
    def _names(cls, value: dict[str, _Entry]) -> dict[str, _Entry]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: lower-case letters, digits, - and _, a letter first")
        return value


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> dict[str, Connection]:
    """Read the file; no file: no connections. Raises SettingsError with every fault: `file:line: where: what`."""
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
        entries = _File.model_validate(_plain(document)).connections
    except ValidationError as error:
        raise SettingsError("\n".join(_told(path, document, dict(fault)) for fault in error.errors())) from None
    made: dict[str, Connection] = {}
    faults = []
    for name, entry in entries.items():
        try:
            made[name] = _connection(name, entry, os.environ if environ is None else environ)
        except SecretError as error:
            where = ("connections", name, "authentication")
            faults.append(f"{path}:{_line(document, where)}: {'.'.join(where)}: {error}")
    if faults:
        raise SettingsError("\n".join(faults))
    return made


def nearest(name: str, connections: Mapping[str, Connection]) -> str:
    """What to tell someone who named a connection that is not there."""
    near = difflib.get_close_matches(name, connections, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(connections)) or 'none'}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"FLOWS_CONNECTIONS_FILE={str(path)!r}: cannot be read: {reason}") from None


def _connection(name: str, entry: _Entry, environ: Mapping[str, str]) -> Connection:
    if entry.authentication is None:
        return Connection(name, entry.base_url)
    headers, query, secrets = entry.authentication.applied(environ)
    return Connection(name, entry.base_url, headers, query, Mask(secrets))


def _plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    return node


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
