"""Where calls may go: public addresses, and what the operator allows by network or by name. Nothing else.

The decision is made on the address of each connect attempt, after the name was resolved. So it does not matter how an
address is spelled, and a name that changes its address between check and connection (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")

PUBLIC: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("2000::/3"))
"""What is handed out for global use. All of IPv6 outside (fc00::/7, fe80::/10, NAT64, mapped IPv4 …) is not."""
DENIED: Mapping[Network, str] = {
    IPv4Network("0.0.0.0/8"): "this network",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "shared by customers of a carrier",
    IPv4Network("127.0.0.0/8"): "this machine",
    IPv4Network("168.63.129.16/32"): "Azure's own services for a virtual machine",
    IPv4Network("169.254.0.0/16"): "link-local: where clouds keep their credentials",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "protocols",
    IPv4Network("192.0.2.0/24"): "documentation",
    IPv4Network("192.88.99.0/24"): "6to4 relays",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "benchmarks",
    IPv4Network("198.51.100.0/24"): "documentation",
    IPv4Network("203.0.113.0/24"): "documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved, and broadcast",
    IPv6Network("2001::/23"): "protocols: Teredo, which carries IPv4 addresses, benchmarks, ORCHID",
    IPv6Network("2001:db8::/32"): "documentation",
    IPv6Network("2002::/16"): "6to4, which carries IPv4 addresses",
    IPv6Network("3fff::/20"): "documentation",
}
"""What is public by its place and not by its use. The one list: the guard and the NetworkPolicy of deploy/ go by it.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry, read 2026-11-30; and
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16. Not by `is_global`, which differs
by Python's version: https://github.com/python/cpython/issues/113171.
"""


class EgressDeniedError(OSError):
    """An address is not allowed as a destination.

    An OSError, because with several addresses aiohappyeyeballs swallows every other kind and then fails itself. So
    whoever makes the call has to note it: by its class alone it would pass for a refused connection.
    """


def allowed(text: str) -> Network | str:
    """What the setting names: a network, or a host name in lower case. Raises ValueError that says what is right."""
    name = text.strip().lower().removesuffix(".")
    if HOST.fullmatch(name):
        return name
    try:
        return ip_network(name)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is neither a network such as 10.0.0.0/8 nor a host name such as crm.internal: {error}"
        ) from None


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the Internet's, for one host."""
    return _in(address, PUBLIC) and not _in(address, DENIED)


def _in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""Where web servers listen. Mail servers, databases and the like understand enough of HTTP to be harmed by it."""


class Egress:
    """The rule of one process: public addresses, and these networks and hosts.

    A host that is allowed by name may have any address. A network is allowed under whatever name. `ports` are those of
    public addresses that a stranger may choose.
    """

    def __init__(self, allow: Iterable[Network | str] = (), ports: Iterable[int] = WEB_PORTS) -> None:
        self._ports = frozenset(ports)
        entries = tuple(allow)
        self._hosts = frozenset(entry for entry in entries if isinstance(entry, str))
        self._networks = tuple(entry for entry in entries if not isinstance(entry, str))

    def check(self, host: str, address: str, port: int | None = None) -> None:
        """Raise EgressDeniedError unless a connection to this address, on behalf of this host, is allowed.

        `port` where the address is a stranger's choice; None where an operator named it.
        """
        if host.lower().rstrip(".") in self._hosts:
            return
        ip = ip_address(address.partition("%")[0])
        if any(ip in network for network in self._networks if network.version == ip.version):
            return
        if public(ip):
            if port is None or port in self._ports:
                return
            raise EgressDeniedError(
                errno.EACCES,
                f"port {port} of {host!r} is none of {', '.join(map(str, sorted(self._ports)))}; an operator can name "
                "others in FLOWS_EGRESS_PORTS, or make a connection with this address",
            )
        raise EgressDeniedError(
            errno.EACCES,
            f"{host!r} is {ip}, which is not a public address; "
            "an operator can allow its network or its name in FLOWS_EGRESS_ALLOW",
        )

    def socket(self, host: str, info: tuple[Any, ...], *, any_port: bool = True) -> socket.socket:
        """A socket for one connect attempt (an entry of getaddrinfo), or EgressDeniedError before a packet leaves."""
        family, kind, protocol, _, address = info
        self.check(host, str(address[0]), None if any_port else int(address[1]))
        return socket.socket(family, kind, protocol)
