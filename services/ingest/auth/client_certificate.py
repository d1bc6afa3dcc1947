"""Mutual TLS that ends at a proxy: the proxy proves the certificate and tells it in a header.

The header counts only when the connection comes from the proxy's own network: anybody else could write it.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.ingest.auth.networks import Network, within
from services.ingest.auth.scheme import AuthRequest, Proven, same, unproven


@dataclass(frozen=True)
class ClientCertificate:
    """What the header must say: one of these subjects or fingerprints. `proxies`: where the header may come from."""

    header: str
    values: tuple[bytes, ...]
    proxies: tuple[Network, ...]
    needs_body: bool = False

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401."""
        self.check(request)

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401."""
        trusted = within(request.client, self.proxies)
        if not same(request.header(self.header).strip(), self.values) or not trusted:
            raise unproven("Show the client certificate that this source is known by.")
        return Proven()
