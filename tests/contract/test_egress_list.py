"""One list of what is not the Internet, for guard and NetworkPolicy; it holds all that IANA's registries do."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from services.cli.generate.files import EGRESS_POLICY, ROOT
from services.runtime.egress import DENIED, PUBLIC, Network, public

POLICY = yaml.safe_load((ROOT / EGRESS_POLICY).read_text())
# https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml and
# https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry.xhtml, read 2026-11-30: those
# that are not "globally reachable", and those that carry an IPv4 address or are deprecated.
REGISTRY = (
    *("0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"),
    *("255.255.255.255/32", "::1/128", "::/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64"),
    *("100:0:0:1::/64", "2001::/23", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:db8::/32", "2002::/16"),
    *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
)
# What clouds answer on, wherever it lies: metadata, credentials, their own services.
CLOUDS = (
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *("fd00:ec2::254", "fd20:ce::254"),
)
MULTICAST = ["224.0.0.0/4", "ff00::/8"]


def blocks() -> list[tuple[Network, list[Network]]]:
    """What the policy lets through, and what of it not."""
    (rule,) = POLICY["spec"]["egress"]
    return [
        (ip_network(to["ipBlock"]["cidr"]), [ip_network(one) for one in to["ipBlock"]["except"]]) for to in rule["to"]
    ]


def passes(address: IPv4Address | IPv6Address) -> bool:
    """Whether the policy lets a packet to this address through."""
    return any(
        address in network and not any(address in one for one in besides)
        for network, besides in blocks()
        if network.version == address.version
    )


def edges(network: Network) -> list[IPv4Address | IPv6Address]:
    """Its first and last address, and what lies just beside it."""
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = IPv4Address if network.version == 4 else IPv6Address
    most = 2**network.max_prefixlen - 1
    return [kind(number) for number in {first, last, max(0, first - 1), min(most, last + 1), (first + last) // 2}]


def special() -> list[Network]:
    """What the `ipaddress` of this Python calls private, which is its copy of the registries."""
    found: list[Network] = []
    for constants in (ipaddress._IPv4Constants, ipaddress._IPv6Constants):  # type: ignore[attr-defined]
        found += constants._private_networks
    return found


@pytest.mark.parametrize("network", [*REGISTRY, *MULTICAST])
def test_what_the_registries_keep_from_the_internet_is_denied(network: str) -> None:
    """From its first to its last address, by the guard and by the policy."""
    inside = [address for address in edges(ip_network(network)) if address in ip_network(network)]
    assert [(public(address), passes(address)) for address in inside] == [(False, False)] * len(inside)


@pytest.mark.parametrize("address", CLOUDS)
def test_what_clouds_answer_on_is_denied(address: str) -> None:
    """Whoever reaches it has the machine's credentials."""
    assert (public(ip_address(address)), passes(ip_address(address))) == (False, False)


def test_what_python_calls_private_is_denied() -> None:
    """A version that knows more than our list fails here."""
    for network in special():
        assert not [address for address in edges(network) if address in network and public(address)], network


addresses = st.ip_addresses() | st.sampled_from([*DENIED, *PUBLIC, *map(ip_network, REGISTRY)]).flatmap(
    lambda network: st.sampled_from(edges(network))
)


@given(addresses)
@example(ip_address("8.8.8.8"))
@example(ip_address("2606:4700:4700::1111"))
def test_both_walls_let_the_same_through(address: IPv4Address | IPv6Address) -> None:
    """And nothing that this Python does not call global."""
    assert passes(address) == public(address)
    assert address.is_global or not public(address)


def test_the_list_has_each_network_once_and_inside_of_what_is_public() -> None:
    """A policy with an exception outside of its block is refused by Kubernetes."""
    for network in DENIED:
        assert any(network.version == of.version and network.subnet_of(of) for of in PUBLIC)  # type: ignore[arg-type]
        others = [other for other in DENIED if other is not network and other.version == network.version]
        assert not any(network.overlaps(other) for other in others)
    assert {IPv4Network, IPv6Network} == {type(network) for network in PUBLIC}
    assert not (Path(ROOT) / "deploy/kubernetes/networkpolicy.yaml").read_text().count("ipBlock:")


def test_what_is_public_stays_so() -> None:
    """The list is no wider than the registries and the clouds ask for: these are reached."""
    reached: list[Any] = [
        "1.1.1.1",
        "168.63.129.15",
        "168.63.129.17",
        "192.88.98.255",
        "192.31.196.1",
        "2a00:1450:4003::1",
    ]
    assert all(public(ip_address(address)) for address in reached)
