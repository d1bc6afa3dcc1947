"""What every scheme gets and does: a request, and either nothing or Refused."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, Protocol, Self
from urllib.parse import quote

from starlette.types import Scope

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

Address = IPv4Address | IPv6Address


@dataclass(slots=True)  # frozen costs four times as much to make, and each request makes one
class AuthRequest:
    """What a scheme may look at. `body` is empty until it was read; header names are in small letters."""

    method: str
    path: str = field(repr=False)
    query: bytes
    headers: dict[bytes, bytes] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    client: Address | None = None
    now: float = 0.0
    scheme: str = "https"

    def header(self, name: str) -> bytes:
        """A header's value, empty when it is not there."""
        return self.headers.get(name.lower().encode(), b"")

    def bearer(self) -> bytes:
        """The token of `Authorization: Bearer TOKEN` (RFC 6750), empty when there is none."""
        scheme, _, token = self.header("authorization").partition(b" ")
        return token.strip() if scheme.lower() == b"bearer" else b""

    def credentials(self) -> bytes:
        """`user:password` of `Authorization: Basic …` (RFC 7617), empty when there are none."""
        scheme, _, coded = self.header("authorization").partition(b" ")
        try:
            return base64.b64decode(coded.strip(), validate=True) if scheme.lower() == b"basic" else b""
        except binascii.Error:
            return b""

    def password(self) -> bytes:
        """The password of these, whoever the user is."""
        return self.credentials().partition(b":")[2]

    def base(self) -> str:
        """What stands before the path in the address that the sender used: as a proxy says it, else as it came."""
        scheme = self._forwarded("x-forwarded-proto") or self.scheme
        host = self._forwarded("x-forwarded-host") or self.header("host").decode("latin-1")
        return f"{scheme}://{host}"

    def _forwarded(self, name: str) -> str:
        """Of a list that several proxies made, the first value: what the first of them saw."""
        return self.header(name).partition(b",")[0].strip().decode("latin-1")

    def url(self, base: str | None) -> str:
        """The address as the sender wrote it; `base` is what stands before the path, such as https://hooks.example."""
        query = f"?{self.query.decode('latin-1')}" if self.query else ""
        return f"{(base or self.base()).rstrip('/')}{self.path}{query}"

    def possible(self) -> Sequence[Self]:
        """This request by each scheme that its sender may have used: a proxy that ends TLS need not say so."""
        if self.scheme == "https" or self._forwarded("x-forwarded-proto"):
            return (self,)
        return (self, replace(self, scheme="https"))


class Proven(NamedTuple):
    """What a proof is good for.

    `marks` are of the signed bytes, one by each secret that signed them: whoever sends them again can leave a signature
    away and add none. Empty where nothing is signed and the sender itself is proven. `headers` are those that are
    signed too; None: whatever the request says is the sender's.
    """

    marks: frozenset[bytes] = frozenset()
    headers: frozenset[bytes] | None = None

    def told(self, headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """The headers that the sender can be held to."""
        return headers if self.headers is None else {name: headers[name] for name in self.headers & headers.keys()}


class AuthScheme(Protocol):
    """A scheme with its secrets."""

    @property
    def needs_body(self) -> bool:
        """Whether it signs the body, which has to be read before."""
        ...

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401 when it is sure before the body came that the request proves nothing."""
        ...

    def check(self, request: AuthRequest) -> Proven:
        """What of the request is proven to be its sender's. Raises Refused: 401."""
        ...


def request_of(scope: Scope, client: Address | None, now: float) -> AuthRequest:
    """The request before its body is read. Of a header that is sent twice, the first counts."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    return AuthRequest(
        scope["method"],
        path.partition(b"?")[0].decode("latin-1"),
        scope["query_string"],
        headers,
        client=client,
        now=now,
        scheme=scope.get("scheme") or "https",
    )


def same(sent: bytes, secrets: Sequence[bytes]) -> bool:
    """Whether it is one of the secrets. All are compared, in constant time each."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(sent, secret)
    return found


def unproven(detail: str, *, challenge: str | None = None) -> Refused:
    """The 401. The text never holds what was expected."""
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return Refused(HTTPStatus.UNAUTHORIZED, ErrorCode.UNAUTHENTICATED, detail, headers=headers)
