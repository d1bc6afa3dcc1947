"""What a connection has besides its address and its secret. Data only, and no repr shows a secret."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class OAuth2:
    """Client credentials (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    in_body: bool = False  # else by basic authentication, which every server must support


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """What a call takes along, and what must not be seen of it. `fresh`: made a moment ago."""

    headers: Mapping[str, str] = field(repr=False)
    mask: Mask = field(repr=False)
    fresh: bool = False


class Credentials(Protocol):
    """Credentials that change while the worker runs."""

    async def grant(self) -> RequestCredentials:
        """What to take along now. Raises CallFailedError, with nothing sent to the destination."""
        ...

    def accepted(self, grant: RequestCredentials) -> None:
        """The destination took these."""
        ...

    def refused(self, grant: RequestCredentials, *, denied: bool) -> None:
        """It did not (401), or denied a call that had them (403), which can be that call's own. Others may be next."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What `flows connections test` does: an action without inputs, or a plain request."""

    action: str = ""
    method: str = "GET"
    path: str = "/"
    expect: frozenset[int] | None = None
