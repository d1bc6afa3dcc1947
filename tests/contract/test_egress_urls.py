"""Addresses that a stranger may write into an event: none of them reaches anything but the Internet.

Each is called as http.request without a connection does it. No socket connects: that is looked at, not believed.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.attempt.http import HttpCall
from services.actions.connections import Connection
from services.flows.catalogue import Guarantee
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client

# Names, and what their owners let them be: whoever owns a name can point it anywhere.
NAMES = {
    "localhost": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "internal.example": ["10.0.0.5"],
    "metadata.google.internal": ["169.254.169.254"],
    "rebound.example": ["192.168.1.1"],
    "both.example": ["127.0.0.1", "10.1.1.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "zero.example": ["0.0.0.0"],
    "unique.example": ["fd12:3456:789a::1"],
}

HOSTILE = [
    # This machine
    "http://127.0.0.1/",
    "http://127.0.0.1:6379/",
    "http://127.1.2.3/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://0.0.0.0/",
    "http://0.0.0.0:8080/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    # The same in spellings that some libraries understand
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127.0.0.1./",
    "http://%31%32%37.0.0.1/",
    # Metadata of clouds
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16.internal.example@169.254.169.254/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    # Private and other networks that are not the Internet's
    "http://10.0.0.1/",
    "http://10.255.255.255:9200/",
    "http://172.16.0.1/",
    "http://172.31.255.254/",
    "http://192.168.0.1/",
    "https://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.1.1/",
    "http://192.0.0.8/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250:1900/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    # An IPv4 address inside an IPv6 one
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::]/",
    # Public addresses, but no web server listens there
    "http://93.184.215.14:22/",
    "http://93.184.215.14:25/",
    "http://93.184.215.14:6379/",
    "https://93.184.215.14:11211/",
    "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:3306/",
    # Names that lead there
    "http://internal.example/",
    "http://rebound.example/",
    "http://both.example/",
    "http://six.example/",
    "http://mapped.example/",
    "http://nat64.example/",
    "http://zero.example/",
    "http://unique.example/",
    # Two readers, two hosts
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1?@example.com/",
    "http://127.0.0.1%00.example.com/",
    "http://127.0.0.1%0d%0aHost:%20x/",
    "http://[::1].example.com/",
    "http:///127.0.0.1/",
    "http://",
    # Other ways to other things
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/stats",
    "ldap://127.0.0.1/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/containers/json",
    "jar:http://127.0.0.1!/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "127.0.0.1",
    "http:127.0.0.1",
    "http:/127.0.0.1",
    " http://127.0.0.1/",
    "http://127.0.0.1:99999/",
    "http://[::1/",
]


class Names(AbstractResolver):
    """A resolver that knows these names only; IP addresses never come here."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Their addresses."""
        del family
        if host not in NAMES:
            raise OSError(None, f"no name {host!r}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in NAMES[host]
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that a socket tries to connect to, or sends to. None of them is let through."""
    tried: list[Any] = []

    def note(_socket: socket.socket, address: Any, *_more: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError("not in this test")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, note)
    return tried


async def ask(url: str, egress: Egress) -> CallFailedError:
    """Call an address; it must fail."""
    client = Client(egress, resolver=Names())
    try:
        with pytest.raises(CallFailedError) as raised:
            await HttpCall(client, None, "e1", 2)("GET", url, guarantee=Guarantee.REPEATABLE)
    finally:
        await client.close()
    return raised.value


def test_there_are_enough_of_them() -> None:
    """And each is another one."""
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_refused_before_a_packet_leaves(connects: list[Any], url: str) -> None:
    """By its address, or because it is no address that is called at all. It is final, and nothing was sent."""
    error = await ask(url, Egress())
    assert connects == []
    assert error.effect_possible is False
    # A spelling that is no address here is looked up as a name, and there is none: refused as well.
    assert error.code in {ErrorCode.EGRESS_DENIED, ErrorCode.INPUT_INVALID, ErrorCode.CALL_REFUSED}
    if error.code is ErrorCode.CALL_REFUSED:
        assert "no such name" in error.cause


async def test_a_public_address_is_tried(connects: list[Any]) -> None:
    """The test above can fail."""
    error = await ask("http://93.184.215.14/", Egress())
    assert [address[0] for address in connects] == ["93.184.215.14"]
    assert error.code is ErrorCode.CALL_REFUSED


@pytest.mark.parametrize("port", ["", ":443", ":8080", ":8443"])
async def test_ports_of_web_servers_are_tried(connects: list[Any], port: str) -> None:
    """And a connection, which an operator made, may use any."""
    await ask(f"http://93.184.215.14{port}/", Egress())
    await ask("http://93.184.215.14:9443/", Egress(ports=[9443]))
    assert len(connects) == 2
    client = Client(Egress())
    with pytest.raises(CallFailedError, match="no connection"):
        await HttpCall(client, Connection("crm", "http://93.184.215.14:6379"), "e1", 2)(
            "GET", "/", guarantee=Guarantee.REPEATABLE
        )
    await client.close()
    assert len(connects) == 3


@pytest.mark.parametrize(
    ("allow", "url", "tried"),
    [
        ("10.0.0.0/8", "http://10.0.0.1/", True),
        ("10.0.0.0/8", "http://internal.example:6379/", True),
        ("10.0.0.0/8", "http://192.168.0.1/", False),
        ("internal.example", "http://internal.example/", True),
        ("internal.example", "http://10.0.0.5/", False),
        ("internal.example", "http://rebound.example/", False),
    ],
)
async def test_only_what_the_operator_names_is_allowed(
    connects: list[Any],
    allow: str,
    url: str,
    tried: bool,  # noqa: FBT001 - a table's column
) -> None:
    await ask(url, Egress([allowed(allow)]))
    assert bool(connects) is tried
