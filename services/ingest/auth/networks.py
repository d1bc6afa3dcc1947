"""From which addresses a source may send."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import Address
from services.ingest.http_problems import Refused

Network = IPv4Network | IPv6Network
MOST_HOPS = 32


def peer(scope: Scope) -> Address | None:
    """The address at the other end of the connection."""
    client = scope.get("client")
    return _address(str(client[0])) if client else None


def sender(scope: Scope, proxies: tuple[Network, ...]) -> Address | None:
    """Who sent it: the peer, or behind proxies of ours the nearest address in X-Forwarded-For that is none of them."""
    found = peer(scope)
    if not proxies:
        return found
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for part in reversed(forwarded.split(b",")[-MOST_HOPS:]):
        if not within(found, proxies):
            break
        nearer = _address(part.decode("latin-1").strip())
        if nearer is None:
            break
        found = nearer
    return found


def within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks."""
    return address is not None and any(address in network for network in networks)


def require(address: Address | None, networks: tuple[Network, ...]) -> None:
    """Raises Refused: 403 unless the address may send. No networks: any may."""
    if networks and not within(address, networks):
        raise Refused(HTTPStatus.FORBIDDEN, ErrorCode.UNAUTHENTICATED, "This address may not send to this source.")


@lru_cache(maxsize=4_096)  # each request is asked for its peer, and most come from a few: proxies, senders' gateways
def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
