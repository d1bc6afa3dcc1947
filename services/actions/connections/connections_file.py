"""The form of the connections file. See services/actions/connections.py for what is made of it."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
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

from services.actions.connections.answer_failure import AnswerFailure, parts_of
from services.actions.connections.parts import ConnectionLimits, Grant, OAuth2, OwnTransport, Probe, SignInPage
from services.actions.connections.request_signing import (
    PART,
    PARTS,
    Algorithm,
    Encoding,
    RequestSigning,
    Unit,
    standard_webhooks,
)
from services.actions.connections.signing_keys import KeyFormError, SigningKey, signing_key
from services.actions.registry import ENDPOINTS
from services.actions.request_headers import RESERVED
from services.closum.endpoint import Endpoint
from services.closum.facts_form import EndpointRow, KeyRow, RateRow
from services.flows.durations import parse_duration, shown
from services.flows.idempotency import HEADER, REMEMBERED_SECONDS, IdempotencyKey
from services.runtime.documents.secrets import HIDDEN, SecretDocument, SecretError, SecretSource

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
HOST = r"^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
HEADER_NAME = r"^[A-Za-z0-9-]{1,100}$"
Read = Callable[[SecretSource], str]
"""Reads a secret. Raises SecretError."""

HEADER_VALUE = r"^[!-~]([ -~]{0,498}[!-~])?$"
NEVER_FIXED = RESERVED - {"accept", "user-agent"} | {HEADER.lower()}
"""Headers that differ from request to request, and credentials."""

CLIENT = frozenset({"scope", "audience", "client_in", "assertion_audience"})
GRANTS: dict[Grant, tuple[frozenset[str], frozenset[str]]] = {
    Grant.CLIENT_CREDENTIALS: (frozenset({"client_id"}), CLIENT),
    Grant.REFRESH_TOKEN: (frozenset({"client_id"}), CLIENT - {"audience"} | {"refresh_token", "sign_in"}),
    Grant.JWT_BEARER: (frozenset({"private_key"}), frozenset({"client_id", "issuer", "subject", "scope", "audience"})),
}
"""By grant: what it needs, and what else it takes."""


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


class SignInEntry(_Part):
    """Where a person signs in."""

    address: str
    more: dict[str, str] = Field(default_factory=dict, description="parameters of the address, such as access_type")

    @field_validator("address")
    @classmethod
    def _whole(cls, value: str) -> str:
        _address(value)
        return value


class AuthenticationEntry(_Part):
    """One of: query or header with secret; bearer; basic with password; oauth2 with client."""

    query: str | None = Field(default=None, min_length=1)
    header: str | None = Field(default=None, pattern=HEADER_NAME)
    secret: SecretSource | None = None
    bearer: SecretSource | None = None
    basic: str | None = Field(default=None, pattern=r"^[^:]*$")
    password: SecretSource | None = None
    oauth2: str | None = None
    grant: Grant | None = None
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretSource | None = None
    private_key: SecretDocument | None = None
    key_id: str | None = Field(default=None, min_length=1)
    refresh_token: SecretSource | None = None
    sign_in: SignInEntry | None = None
    issuer: str | None = Field(default=None, min_length=1)
    subject: str | None = Field(default=None, min_length=1)
    scope: str | None = None
    audience: str | None = None
    assertion_audience: str | None = Field(
        default=None, min_length=1, description="whom the client's signed proof is for; absent: the token address"
    )
    client_in: Literal["header", "body"] | None = None
    scheme: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,40}$")

    @field_validator("oauth2")
    @classmethod
    def _token_address(cls, value: str | None) -> str | None:
        # As it is written: a redirect to the address with or without its last slash would lose the form.
        if value is not None:
            _address(value)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if self.oauth2 is None:
            if given not in ({"query", "secret"}, {"header", "secret"}, {"bearer"}, {"basic", "password"}):
                raise ValueError(
                    "authentication is one of { query: NAME, secret: … }, { header: NAME, secret: … }, { bearer: … }, "
                    "{ basic: USER, password: … }, { oauth2: TOKEN-URL, client_id: ID, client_secret: … }"
                )
            return self
        grant = self.grant or Grant.CLIENT_CREDENTIALS
        needed, free = GRANTS[grant]
        proofs = given & {"client_secret", "private_key"}
        if grant is not Grant.JWT_BEARER and len(proofs) != 1:
            raise ValueError(f"oauth2 with the grant {grant.value} needs either client_secret or private_key")
        if missing := needed - given:
            raise ValueError(f"oauth2 with the grant {grant.value} needs {', '.join(sorted(missing))}")
        if more := given - needed - free - proofs - {"oauth2", "grant", "scheme", "key_id"}:
            raise ValueError(f"oauth2 with the grant {grant.value} takes no {', '.join(sorted(more))}")
        if self.key_id is not None and self.private_key is None:
            raise ValueError("key_id names the private_key: give that too")
        if self.assertion_audience is not None and "private_key" not in proofs:
            raise ValueError("assertion_audience is of a client that proves itself by its private_key: give that too")
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

    def moved(self, key: KeyRow) -> AuthenticationEntry:
        """The same secret at another place. Raises ValueError where there is no key that could be moved."""
        source = self.secret or self.bearer
        if source is None:
            raise ValueError("closum.yaml says where the key goes, and this is none: { query: NAME, secret: … }")
        if key.bearer:
            return AuthenticationEntry(bearer=source)
        return AuthenticationEntry(query=key.query, header=key.header, secret=source)

    def client(self, connection: str, read: Read) -> OAuth2 | None:
        """The client of OAuth 2, where it is that. Raises SecretError."""
        if self.oauth2 is None:
            return None
        key = None if self.private_key is None else self._key(read(self.private_key))
        account = None if key is None else key.issuer
        return OAuth2(
            self.oauth2,
            self.client_id or account or "",
            "" if self.client_secret is None else read(self.client_secret),
            self.scope or "",
            self.audience or "",
            assertion_audience=self.assertion_audience or "",
            in_body=self.client_in == "body",
            grant=self.grant or Grant.CLIENT_CREDENTIALS,
            connection=connection,
            refresh_token="" if self.refresh_token is None else read(self.refresh_token),
            key=key,
            issuer=self.issuer or "",
            subject=self.subject or "",
            sign_in=None if self.sign_in is None else SignInPage(self.sign_in.address, self.sign_in.more),
            scheme=self.scheme or "Bearer",
        )

    def _key(self, text: str) -> SigningKey | None:
        if text == HIDDEN:
            return None
        try:
            key = signing_key(text)
        except KeyFormError as error:
            raise SecretError(str(error)) from None
        return key if self.key_id is None else replace(key, key_id=self.key_id)


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


def _listed(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class FailureEntry(_Part):
    """How the destination says a failure in an answer whose status is a success."""

    pointer: str = Field(max_length=200, description="where it stands: a JSON Pointer, `*` for each item or member")
    equals: bool | int | str | None = Field(default=None, description="the value that says it; absent: any at all")
    partly: bool = Field(default=False, description="the rest of the call may have come to pass all the same")
    code: str | None = Field(default=None, max_length=200, description="where its code stands")
    means: dict[str, Annotated[int, Field(ge=400, le=599)]] = Field(
        default_factory=dict, description="HTTP status by code; another code: 422"
    )

    @field_validator("pointer", "code")
    @classmethod
    def _pointer(cls, value: str | None) -> str | None:
        if value is not None:
            parts_of(value)
        return value

    @model_validator(mode="after")
    def _code_of_what(self) -> Self:
        if self.means and self.code is None:
            raise ValueError("means needs code: where the code stands in the answer")
        return self

    def sign(self) -> AnswerFailure:
        """As calls have it."""
        code = None if self.code is None else parts_of(self.code)
        given = "equals" in self.model_fields_set
        return AnswerFailure(parts_of(self.pointer), self.equals, given, self.partly, code, self.means)


class SigningEntry(_Part):
    """How requests are signed: as Standard Webhooks has it, or as declared."""

    standard_webhooks: SecretSource | None = None
    secret: SecretSource | None = None
    header: str | None = Field(default=None, pattern=HEADER_NAME)
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = Field(default="", pattern=r"^[ -~]{0,100}$")
    signs: str = "{body}"
    timestamp_header: str | None = Field(default=None, pattern=HEADER_NAME)
    timestamp_unit: Unit = "s"
    id_header: str | None = Field(default=None, pattern=HEADER_NAME)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = self.model_fields_set
        if self.standard_webhooks is not None:
            if len(given) > 1:
                raise ValueError("standard_webhooks says everything: give nothing beside it")
            return self
        if self.secret is None or self.header is None:
            raise ValueError("give { standard_webhooks: … }, or header and secret")
        if unknown := [name for name in PART.findall(self.signs) if name not in PARTS]:
            raise ValueError(
                f"signs: there is no {{{unknown[0]}}}; there are {', '.join(f'{{{one}}}' for one in PARTS)}"
            )
        if "{body}" not in self.signs:
            raise ValueError("signs: a signature without {body} proves nothing of what is sent")
        if ("{timestamp}" in self.signs) != (self.timestamp_header is not None):
            raise ValueError("{timestamp} and timestamp_header go together")
        if self.id_header is None and "{id}" in self.signs:
            raise ValueError("{id} needs id_header")
        names = [name.lower() for name in self.names if name]
        if taken := sorted(name for name in names if name in RESERVED or names.count(name) > 1):
            raise ValueError(f"the header {taken[0]!r} has another meaning")
        return self

    @property
    def names(self) -> tuple[str | None, ...]:
        """The headers that are its own."""
        if self.standard_webhooks is not None:
            return standard_webhooks("").names
        return self.header, self.timestamp_header, self.id_header

    def made(self, read: Read) -> RequestSigning:
        """Ready for use. Raises SecretError."""
        if self.standard_webhooks is not None:
            text = read(self.standard_webhooks)
            try:
                return standard_webhooks("" if text == HIDDEN else text)
            except ValueError as error:
                raise SecretError(str(error)) from None
        secret = "" if self.secret is None else read(self.secret)
        return RequestSigning(
            secret.encode(),
            self.header or "",
            self.algorithm,
            self.encoding,
            self.prefix,
            self.signs,
            self.timestamp_header or "",
            self.timestamp_unit,
            self.id_header or "",
        )


class IdempotencyEntry(_Part):
    """What the destination honours: the header of a key, and how long it remembers one."""

    header: str = Field(default=HEADER, pattern=HEADER_NAME)
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
    headers: dict[Annotated[str, Field(pattern=HEADER_NAME)], Annotated[str, Field(pattern=HEADER_VALUE)]] = Field(
        default_factory=dict
    )
    failure: Annotated[list[FailureEntry], BeforeValidator(_listed)] = Field(default_factory=list)
    limits: RateRow | None = None
    idempotency: IdempotencyEntry | None = None
    signing: SigningEntry | None = None
    proxy: ProxyEntry | None = None
    tls: TlsEntry | None = None
    endpoints: dict[str, EndpointRow] = Field(default_factory=dict)
    probe: Annotated[ActionProbe | ProbeEntry | None, BeforeValidator(_named_action)] = None

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        return _address(value)

    @model_validator(mode="after")
    def _one_header_one_meaning(self) -> Self:
        whose: dict[str, Iterable[str | None]] = {
            "the secret": [None if self.authentication is None else self.authentication.header],
            "the key of `idempotency`": [None if self.idempotency is None else self.idempotency.header],
            "`signing`": [] if self.signing is None else self.signing.names,
            "`headers`": self.headers,
        }
        seen: dict[str, str] = {}
        for what, names in whose.items():
            for name in filter(None, names):
                if (other := seen.setdefault(name.lower(), what)) != what:
                    raise ValueError(f"the header {name!r} cannot carry both {other} and {what}")
        return self

    @field_validator("headers")
    @classmethod
    def _of_no_other_meaning(cls, value: dict[str, str]) -> dict[str, str]:
        names = [name.lower() for name in value]
        if taken := sorted(name for name in names if name in NEVER_FIXED or names.count(name) > 1):
            raise ValueError(f"the header {taken[0]!r} has another meaning: it cannot be the same for all requests")
        return value

    @field_validator("endpoints")
    @classmethod
    def _known(cls, value: dict[str, EndpointRow]) -> dict[str, EndpointRow]:
        for name in value:
            if name not in ENDPOINTS:
                raise ValueError(f"no action {name!r} has an endpoint; there are: {', '.join(ENDPOINTS)}")
        return value

    def rows(self, known: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
        """The endpoints that are other than in the catalogue: those `known` from closum.yaml, and its own over them."""
        own = {name: entry.over(known.get(name, ENDPOINTS[name])) for name, entry in self.endpoints.items()}
        return {**known, **own}

    def bounds(self, known: RateRow | None) -> ConnectionLimits:
        """What the destination bears; where it does not say so itself, what is `known` from closum.yaml."""
        limits = self.limits or known
        return ConnectionLimits() if limits is None else ConnectionLimits(**limits.model_dump())

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
