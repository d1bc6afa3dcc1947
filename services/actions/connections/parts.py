"""What a connection has besides its address and its secret. Data only, and no repr shows a secret."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from services.actions.connections.signing_keys import SigningKey
from services.runtime.documents.secrets import Mask


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a destination bears, over all workers together. None: no limit."""

    requests_per_second: float | None = None
    burst: int | None = None  # how many may come at once after a pause; absent: one
    concurrency: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class OwnTransport:
    """A way of its own to a destination: then the connection does not share the worker's client."""

    proxy: str | None = None  # http://host:port
    proxy_authentication: tuple[str, str] | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    connect_seconds: float | None = None


class Grant(Enum):
    """By what right a token is asked for."""

    CLIENT_CREDENTIALS = "client_credentials"  # RFC 6749, 4.4: the client's own
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name. RFC 6749, 6: somebody has signed in
    JWT_BEARER = "jwt_bearer"  # RFC 7523, 2.1: a signed statement


@dataclass(frozen=True, slots=True)
class SignInPage:
    """Where a person signs in, and what the address has besides what OAuth 2 says."""

    address: str
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How access tokens are had. `connection`: whose sign-in it is; of other grants all of one client share a token.

    `refresh_token`: the first one, where the file names it. `assertion_audience`: whom the client's own proof is for,
    where that is not the token address. `scheme`: the word before the token in a call's header.
    """

    token_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    audience: str = ""
    in_body: bool = False  # else by basic authentication, which every server must support
    grant: Grant = Grant.CLIENT_CREDENTIALS
    connection: str = ""
    refresh_token: str = field(default="", repr=False)
    key: SigningKey | None = None
    issuer: str = ""
    subject: str = ""
    sign_in: SignInPage | None = None
    assertion_audience: str = ""
    scheme: str = "Bearer"

    @property
    def seal(self) -> str:
        """The secret that every worker has, by which tokens are kept encrypted."""
        return self.client_secret if self.key is None else str(self.key.key.as_dict(private=True)["d"])


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """What a call takes along, and what must not be seen of it."""

    headers: Mapping[str, str] = field(repr=False)
    mask: Mask = field(repr=False)


class Credentials(Protocol):
    """Credentials that change while the worker runs."""

    async def current(self) -> RequestCredentials:
        """What to take along now. Raises CallFailedError, with nothing sent to the destination."""
        ...

    def accepted(self, used: RequestCredentials) -> None:
        """The destination took these."""
        ...

    def refused(self, used: RequestCredentials, *, denied: bool) -> None:
        """It did not (401), or denied a call that had them (403), which can be that call's own. Others may be next."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What `flows connections test` does: an action without inputs, or a plain request."""

    action: str = ""
    method: str = "GET"
    path: str = "/"
    expect: frozenset[int] | None = None
