"""The form of the connections file. See services/actions/connections.py for what is made of it."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from services.actions.connections.parts import ConnectionLimits, OAuth2, OwnTransport, Probe
from services.actions.endpoint import Basis, Endpoint, FieldPlacement
from services.actions.registry import ENDPOINTS
from services.actions.request_headers import RESERVED
from services.flows.durations import parse_duration, shown
from services.flows.idempotency import HEADER, REMEMBERED_SECONDS, IdempotencyKey
from services.runtime.documents.secrets import SecretError, SecretSource

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
HOST = r"^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Read = Callable[[SecretSource], str]
"""Reads a secret. Raises SecretError."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _address(value: str) -> str:
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


class AuthenticationEntry(_Part):
    """One of: query or header with secret; bearer; basic with password; oauth2 with client."""

    query: str | None = Field(default=None, min_length=1)
    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,100}$")
    secret: SecretSource | None = None
    bearer: SecretSource | None = None
    basic: str | None = Field(default=None, pattern=r"^[^:]*$")
    password: SecretSource | None = None
    oauth2: str | None = None
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretSource | None = None
    scope: str | None = None
    audience: str | None = None
    client_in: Literal["header", "body"] | None = None

    @field_validator("oauth2")
    @classmethod
    def _token_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = {("query", "secret"), ("header", "secret"), ("bearer",), ("basic", "password")}
        optional = {"scope", "audience", "client_in"} if self.oauth2 is not None else set()
        given = tuple(
            name for name in type(self).model_fields if getattr(self, name) is not None and name not in optional
        )
        if given not in {*forms, ("oauth2", "client_id", "client_secret")}:
            raise ValueError(
                "authentication is one of { query: NAME, secret: … }, { header: NAME, secret: … }, { bearer: … }, "
                "{ basic: USER, password: … }, { oauth2: TOKEN-URL, client_id: ID, client_secret: … }"
            )
        return self

    def applied(self, read: Read) -> tuple[dict[str, str], str, tuple[str, ...]]:
        """Headers, query and what must never be seen. Raises SecretError."""
        source = self.secret or self.bearer or self.password
        secret = "" if source is None else read(source)
        if self.query is not None:
            return {}, f"{quote(self.query, safe='')}={quote(secret, safe='')}", (secret,)
        if not secret.isascii() and self.basic is None:
            raise SecretError("the secret holds other than ASCII characters, which a header cannot carry")
        if self.header is not None:
            return {self.header: secret}, "", (secret,)
        if self.bearer is not None:
            return {"Authorization": f"Bearer {secret}"}, "", (secret,)
        if self.basic is None:
            return {}, "", ()
        pair = base64.b64encode(f"{self.basic}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}, "", (secret, pair)

    def client(self, read: Read) -> OAuth2 | None:
        """The client of OAuth 2, where it is that. Raises SecretError."""
        if self.oauth2 is None or self.client_id is None or self.client_secret is None:
            return None
        return OAuth2(
            self.oauth2,
            self.client_id,
            read(self.client_secret),
            self.scope or "",
            self.audience or "",
            self.client_in == "body",
        )


class LimitsEntry(_Part):
    """What the destination bears, over all workers together."""

    requests_per_second: float | None = Field(default=None, gt=0, le=100_000)
    burst: int | None = Field(default=None, ge=1, le=100_000)
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    per_day: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _burst_of_what(self) -> Self:
        if self.burst is not None and self.requests_per_second is None:
            raise ValueError("burst needs requests_per_second")
        return self


class ProxyEntry(_Part):
    """An HTTP proxy on the way."""

    url: str
    username: str | None = Field(default=None, pattern=r"^[^:]+$")
    password: SecretSource | None = None

    @field_validator("url")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not value.startswith("http://"):
            raise ValueError("an address such as http://proxy.internal:3128 is expected")
        return _address(value)

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        return self


class TlsEntry(_Part):
    """Who is trusted, and who we are."""

    ca: Path | None = Field(default=None, description="certificates that are trusted instead of the public ones")
    certificate: Path | None = Field(default=None, description="our own, with its chain")
    key: Path | None = Field(default=None, description="its private key; absent: in the certificate's file")
    key_password: SecretSource | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.certificate is None and (self.key is not None or self.key_password is not None):
            raise ValueError("key and key_password need certificate")
        if self.ca is None and self.certificate is None:
            raise ValueError("give ca, certificate or both")
        return self

    def context(self, read: Read) -> ssl.SSLContext:
        """Ready for use. Raises SecretError where a file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except OSError as error:
            raise SecretError(f"ca {str(self.ca)!r} cannot be used: {error.strerror or error}") from None
        if self.certificate is not None:
            password = None if self.key_password is None else read(self.key_password)
            try:
                # Without a password OpenSSL would ask for it at the terminal.
                context.load_cert_chain(self.certificate, self.key, password or (lambda: b""))
            except OSError as error:
                raise SecretError(f"certificate {str(self.certificate)!r}: {error.strerror or error}") from None
        return context


class IdempotencyEntry(_Part):
    """What the destination honours: the header of a key, and how long it remembers one."""

    header: str = Field(default=HEADER, pattern=r"^[A-Za-z0-9-]{1,100}$")
    for_: str = Field(default=shown(REMEMBERED_SECONDS), alias="for")

    @field_validator("header")
    @classmethod
    def _of_its_own(cls, value: str) -> str:
        if value.lower() in RESERVED:
            raise ValueError(f"the header {value!r} has another meaning: a key cannot stand in it")
        return value

    @field_validator("for_")
    @classmethod
    def _length(cls, value: str) -> str:
        parse_duration(value)
        return value

    def key(self) -> IdempotencyKey:
        """As calls have it."""
        return IdempotencyKey(self.header, parse_duration(self.for_))


class EndpointEntry(_Part):
    """What is other than the catalogue assumes."""

    method: Method | None = None
    path: str | None = Field(default=None, min_length=1, pattern=r"^[^?#]*$")
    fields: dict[str, str] | None = Field(default=None, description="our name: theirs")
    answer: dict[str, str] | None = Field(default=None, description="our output: their field")
    place: FieldPlacement | None = None
    success: dict[str, bool | int | str] | None = Field(default=None, min_length=1)
    done_already: frozenset[int] | None = None
    missing: frozenset[int] | None = None

    def over(self, row: Endpoint) -> Endpoint:
        """The row with this."""
        given = {name: value for name, value in self if value is not None}
        for name in ("fields", "answer"):
            given[name] = {**getattr(row, name), **given.get(name, {})}
        rest = {name: getattr(row, name) for name in Endpoint.__dataclass_fields__ if name not in given}
        return Endpoint(**{**rest, **given, "basis": Basis.CONFIGURED})


class ProbeEntry(_Part):
    """A harmless request."""

    method: Literal["GET", "HEAD", "POST"] = "GET"
    path: str = "/"
    expect: frozenset[int] | None = Field(default=None, description="statuses that are well; absent: 200 to 299")


def _named_action(value: object) -> object:
    return {"action": value} if isinstance(value, str) else value


class ActionProbe(_Part):
    """An action that takes nothing."""

    action: Literal["closum.sms.check_credits"]


class ConnectionEntry(_Part):
    """One connection as the file has it."""

    base_url: str
    authentication: AuthenticationEntry | None = None
    allowed_hosts: list[Annotated[str, Field(pattern=HOST, max_length=255)]] = Field(default_factory=list)
    call_seconds: float | None = Field(default=None, gt=0, le=600)
    connect_seconds: float | None = Field(default=None, gt=0, le=60)
    limits: LimitsEntry | None = None
    idempotency: IdempotencyEntry | None = None
    proxy: ProxyEntry | None = None
    tls: TlsEntry | None = None
    endpoints: dict[str, EndpointEntry] = Field(default_factory=dict)
    probe: Annotated[ActionProbe | ProbeEntry | None, BeforeValidator(_named_action)] = None

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        return _address(value)

    @model_validator(mode="after")
    def _one_header_one_meaning(self) -> Self:
        secret = None if self.authentication is None else self.authentication.header
        if secret is not None and self.idempotency is not None and self.idempotency.header.lower() == secret.lower():
            raise ValueError(f"the header {secret!r} cannot carry both the secret and the key of `idempotency`")
        return self

    @field_validator("endpoints")
    @classmethod
    def _known(cls, value: dict[str, EndpointEntry]) -> dict[str, EndpointEntry]:
        for name in value:
            if name not in ENDPOINTS:
                raise ValueError(f"no action {name!r} has an endpoint; there are: {', '.join(ENDPOINTS)}")
        return value

    def rows(self) -> Mapping[str, Endpoint]:
        """The endpoints that are other than in the catalogue."""
        return {name: entry.over(ENDPOINTS[name]) for name, entry in self.endpoints.items()}

    def bounds(self) -> ConnectionLimits:
        """What the destination bears."""
        return ConnectionLimits() if self.limits is None else ConnectionLimits(**self.limits.model_dump())

    def trial(self) -> Probe | None:
        """What tests the connection."""
        if isinstance(self.probe, ActionProbe):
            return Probe(action=self.probe.action)
        return None if self.probe is None else Probe(**self.probe.model_dump())

    def transport(self, read: Read) -> OwnTransport | None:
        """The way of its own, where it has one. Raises SecretError."""
        if self.proxy is None and self.tls is None and self.connect_seconds is None:
            return None
        login = None
        if self.proxy is not None and self.proxy.username is not None and self.proxy.password is not None:
            login = (self.proxy.username, read(self.proxy.password))
        return OwnTransport(
            proxy=None if self.proxy is None else self.proxy.url,
            proxy_authentication=login,
            tls=None if self.tls is None else self.tls.context(read),
            connect_seconds=self.connect_seconds,
        )


class ConnectionsFile(_Part):
    """The whole file."""

    connections: dict[str, ConnectionEntry]

    @field_validator("connections")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: lower-case letters, digits, - and _, a letter first")
        return value
