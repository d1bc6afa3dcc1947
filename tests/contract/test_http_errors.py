"""What the HTTP client makes of each way in which a call goes wrong, against real sockets.

The point of all of it: only a call that was certainly not sent says so. Everything else may have had its effect.
"""

from __future__ import annotations

import asyncio
import socket
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from contracts.errors import ErrorCode
from services.runtime.egress import Egress, EgressDeniedError, allowed, public
from services.runtime.http import IDLE_SECONDS, CallError, Client, HttpAnswer, Sent
from tests.support.sockets import Server, answering, read_request, reset, serving

LOOPBACK = ip_network("127.0.0.0/8")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client that may call the loopback address."""
    made = Client(Egress([LOOPBACK]), max_answer_bytes=10_000)
    yield made
    await made.close()


async def call(client: Client, url: str, method: str = "POST", seconds: float = 5.0) -> HttpAnswer:
    """One call with a small body."""
    content = None if method == "GET" else b'{"n":1}'
    return await client.call(method, url, headers={"Idempotency-Key": '"e1"'}, content=content, seconds=seconds)


async def failing(client: Client, url: str, method: str = "POST", seconds: float = 5.0) -> CallError:
    """The error of one call."""
    with pytest.raises(CallError) as raised:
        await call(client, url, method, seconds)
    assert raised.value.cause
    return raised.value


async def test_an_answer_comes_back_whole(client: Client) -> None:
    """Status, headers, body; and the request asks for no compression."""
    head = b"HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 4\r\n\r\n"
    async with answering(head, b"done") as server:
        answer = await call(client, f"{server.url}/contacts?x=1")
    assert (answer.status, answer.headers["x-id"], answer.body) == (201, "7", b"done")
    request = server.requests[0].lower()
    assert request.startswith(b"post /contacts?x=1 http/1.1")
    assert b"accept-encoding: identity\r\n" in request
    assert b'idempotency-key: "e1"\r\n' in request


async def test_each_header_goes_once_whatever_its_case(client: Client) -> None:
    """What a call says of itself takes the place of what we would say."""
    async with answering(OK) as server:
        given = {"accept": "text/csv", "user-agent": "theirs", "content-type": "a/b"}
        await client.call("POST", server.url, headers=given, content=b"x", seconds=5)
    lines = server.requests[0].lower().split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines[1:-2]]
    assert len(names) == len(set(names))
    assert {b"accept: text/csv", b"user-agent: theirs", b"content-type: a/b"} <= set(lines)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_without_a_body_nothing_is_said_of_its_type(client: Client, method: str) -> None:
    """Found by `python -m tests.parity --seed 1`: aiohttp says application/octet-stream."""
    async with answering(OK) as server:
        await client.call(method, server.url, headers={}, content=None, seconds=5)
    assert b"content-type" not in server.requests[0].lower()


@pytest.mark.parametrize("status", [302, 307, 404, 429, 500, 503])
async def test_every_status_is_an_answer_and_redirects_are_not_followed(client: Client, status: int) -> None:
    """Also what is not 2xx, with its headers."""
    text = f"HTTP/1.1 {status} X\r\nRetry-After: 3\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with answering(text.encode()) as server:
        answer = await call(client, server.url)
    assert (answer.status, answer.headers["retry-after"], len(server.requests)) == (status, "3", 1)


async def test_informational_answers_are_passed_over(client: Client) -> None:
    """103 Early Hints is not the answer."""
    async with answering(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK) as server:
        assert (await call(client, server.url)).status == 200


async def test_cookies_are_not_kept(client: Client) -> None:
    """What one call was given is not sent with the next."""
    async with answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n") as server:
        await call(client, server.url)
        await call(client, server.url)
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_proxies_of_the_environment_are_not_used(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would get the secrets, and the guard would see only its address."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with answering(OK) as server:
        assert (await call(client, server.url)).status == 200


# Certainly not sent


async def test_refused(client: Client) -> None:
    """Nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failing(client, f"http://127.0.0.1:{taken.getsockname()[1]}/x?api-key=s3cret")
    assert (error.code, error.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)
    assert "refused" in error.cause
    assert "s3cret" not in error.cause


async def test_no_such_name(client: Client) -> None:
    """`.invalid` never resolves (RFC 6761)."""
    error = await failing(client, "http://nowhere.invalid/")
    assert (error.code, error.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)
    assert "no such name" in error.cause


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port whose queue of connections is full: the next connection attempt gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


async def test_connect_time_out(deaf: int) -> None:
    """No answer to the connection attempt within its own limit."""
    client = Client(Egress([LOOPBACK]), connect_seconds=0.2)
    error = await failing(client, f"http://127.0.0.1:{deaf}/?api-key=s3cret")
    await client.close()
    assert (error.code, error.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)
    assert "s3cret" not in error.cause


async def test_deadline_while_connecting(client: Client, deaf: int) -> None:
    """The whole call's deadline strikes first: still certainly not sent."""
    error = await failing(client, f"http://127.0.0.1:{deaf}/", seconds=0.2)
    assert (error.code, error.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)


async def test_pool_full() -> None:
    """No connection became free in time: not sent."""
    client = Client(Egress([LOOPBACK]), limit=1)
    async with answering(OK, pause=1.0) as server:
        first = asyncio.create_task(call(client, server.url))
        await server.asked.wait()
        error = await failing(client, server.url, seconds=0.2)
        await first
        assert (error.code, error.sent, len(server.requests)) == (ErrorCode.CALL_REFUSED, Sent.NO, 1)
    await client.close()


async def test_no_tls_where_it_was_expected(client: Client) -> None:
    """A plain server behind an https address: the request never leaves."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handler) as server:
        error = await failing(client, server.url.replace("http:", "https:"))
    assert (error.code, error.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://", "http://[::1", "http://a b/", "file:///etc/passwd"])
async def test_no_address_of_http(client: Client, url: str) -> None:
    """A fault of the input, told as one."""
    error = await failing(client, url)
    assert error.sent is Sent.NO
    assert error.code in {ErrorCode.INPUT_INVALID, ErrorCode.CALL_REFUSED}


# The effect may have happened


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
@pytest.mark.parametrize("after", [None, reset], ids=["closed", "reset"])
async def test_ended_after_the_request_was_read(client: Client, after: Any, method: str) -> None:
    """The worst one: it looks like a refused connection and is not."""
    async with answering(after=after) as server:
        error = await failing(client, server.url, method)
    assert (error.code, error.sent, len(server.requests)) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE, 1)


async def test_reset_before_the_request_was_read(client: Client) -> None:
    """The connection was there, so it cannot be known how much of the request arrived."""

    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with serving(handler) as server:
        error = await failing(client, server.url)
    assert (error.code, error.sent) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
async def test_a_kept_connection_that_ends_is_not_tried_again(client: Client, method: str) -> None:
    """By itself aiohttp repeats PUT, DELETE and GET once on a reused connection: not here."""
    server: Server

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append(await read_request(reader))
        writer.write(OK)
        server.requests.append(await read_request(reader))

    async with serving(handler) as server:
        assert (await call(client, server.url, method)).body == b"ok"
        error = await failing(client, server.url, method)
    assert (error.code, error.sent) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE)
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_an_idle_connection_is_not_used_again(client: Client) -> None:
    """It might just be closing on the other side."""
    server: Server

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            server.requests.append(await read_request(reader))
            writer.write(OK)

    async with serving(handler) as server:
        await call(client, server.url)
        await call(client, server.url)
        assert server.connections == 1
        await asyncio.sleep(IDLE_SECONDS + 0.2)
        await call(client, server.url)
        assert server.connections == 2


async def test_slow_headers(client: Client) -> None:
    """Nothing comes back before the deadline."""
    async with answering(OK, pause=5) as server:
        error = await failing(client, server.url, seconds=0.3)
    assert (error.code, error.sent, len(server.requests)) == (ErrorCode.CALL_TIMED_OUT, Sent.EFFECT_POSSIBLE, 1)


async def test_trickling_headers_and_body_meet_the_deadline(client: Client) -> None:
    """Each byte comes in time, the whole does not."""
    for head in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"):
        async with answering(head, *[b"x"] * 100, pause=0.05) as server:
            began = time.monotonic()
            error = await failing(client, server.url, seconds=0.5)
            assert time.monotonic() - began < 2
        assert (error.code, error.sent) == (ErrorCode.CALL_TIMED_OUT, Sent.EFFECT_POSSIBLE)


async def test_body_cut_off(client: Client) -> None:
    """Less came than was promised, by length or by chunks."""
    for text in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ):
        async with answering(text) as server:
            error = await failing(client, server.url)
        assert (error.code, error.sent) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE)


async def test_an_error_answer_counts_though_its_body_is_cut_off(client: Client) -> None:
    """The status was read: it decides."""
    async with answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 100\r\n\r\nhalf") as server:
        answer = await call(client, server.url)
    assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "2", b"half")


@pytest.mark.parametrize(
    "text",
    [
        b"HELLO\r\n\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_what_answers_is_not_http(client: Client, text: bytes) -> None:
    """The request was sent, to whatever it was."""
    async with answering(text) as server:
        error = await failing(client, server.url)
    assert (error.code, error.sent) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE)


async def test_oversized_header(client: Client) -> None:
    """Headers are bounded."""
    async with answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n") as server:
        error = await failing(client, server.url)
    assert (error.code, error.sent) == (ErrorCode.CALL_INTERRUPTED, Sent.EFFECT_POSSIBLE)


# Answered, but not usable


async def test_oversized_body(client: Client) -> None:
    """Reading stops at the limit, whether the length is told or not."""
    for head in (b"Content-Length: 20000000", b"Connection: close"):
        async with answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + b"x" * 30_000) as server:
            error = await failing(client, server.url)
        assert (error.code, error.sent) == (ErrorCode.ANSWER_INVALID, Sent.EFFECT_POSSIBLE)


async def test_oversized_body_of_an_error_answer_is_cut(client: Client) -> None:
    """The status is what counts."""
    async with answering(b"HTTP/1.1 500 X\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000) as server:
        answer = await call(client, server.url)
    assert (answer.status, len(answer.body)) == (500, 10_000)


async def test_compressed_body(client: Client) -> None:
    """A small one can be huge inside: unpacked up to the bound, and not at all what nobody here unpacks."""
    bomb = zlib.compress(b"0" * 1_000_000)
    for status, encoding in ((200, b"gzip"), (200, b"deflate"), (200, b"br"), (500, b"gzip")):
        head = b"HTTP/1.1 %d X\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (status, encoding, len(bomb))
        async with answering(head + bomb) as server:
            if status == 200:
                error = await failing(client, server.url)
                assert (error.code, error.sent) == (ErrorCode.ANSWER_INVALID, Sent.EFFECT_POSSIBLE)
            else:
                assert await call(client, server.url) == HttpAnswer(
                    500, {"content-encoding": "gzip", "content-length": str(len(bomb))}, b"0" * 10_000
                )


@pytest.mark.parametrize("wbits", [31, 15, -15], ids=["gzip", "zlib", "bare"])
async def test_an_answer_that_is_compressed_unasked_is_read(client: Client, wbits: int) -> None:
    """In the forms that servers write; one that ends too early, or is something else, is no answer."""
    packer = zlib.compressobj(wbits=wbits)
    body = packer.compress(b'{"id": 7}' * 50) + packer.flush()
    encoding = b"gzip" if wbits == 31 else b"deflate"
    head = b"HTTP/1.1 200 X\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
    async with answering(head % (encoding, len(body)), *(body[at : at + 1] for at in range(len(body)))) as server:
        assert (await call(client, server.url)).body == b'{"id": 7}' * 50
    for wrong in (body[:-3], b"\xff" * 30):
        async with answering(head % (encoding, len(wrong)) + wrong) as server:
            error = await failing(client, server.url)
        assert (error.code, error.sent) == (ErrorCode.ANSWER_INVALID, Sent.EFFECT_POSSIBLE)


# Egress

# Every spelling of an address that is nobody's business.
LOCAL = "127.0.0.1 127.1.2.3 localhost LOCALHOST localhost. 0x7f.1 0177.0.0.1 0x7f000001 2130706433 127.1 0 0.0.0.0"
PRIVATE = "10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 [fc00::1] [fec0::1] [fe80::1] 169.254.169.254 [fd00:ec2::254]"
IPV4_IN_IPV6 = (
    "[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [0:0:0:0:0:ffff:a9fe:a9fe] "
    "[64:ff9b::7f00:1] [64:ff9b:1::1] [2002:7f00:1::] [2001:0:7f00:1::]"
)
SPECIAL = (
    "192.0.0.8 192.0.0.192 198.18.0.1 192.0.2.1 224.0.0.1 240.0.0.1 255.255.255.255 192.88.99.1 "
    "[ff02::1] [2001:db8::1] [3fff::1] [5f00::1] [100::1]"
)
HOSTILE = f"{LOCAL} {PRIVATE} {IPV4_IN_IPV6} {SPECIAL}".split()


@pytest.mark.parametrize("host", HOSTILE)
async def test_egress_is_denied_in_every_spelling(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No packet leaves: no socket is even made. What is not recognised as an address does not resolve."""
    client = Client(Egress())
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was made"))
    error = await failing(client, f"http://{host}:9/latest/meta-data", seconds=3)
    monkeypatch.undo()
    await client.close()
    assert error.sent is Sent.NO
    assert error.code in {ErrorCode.EGRESS_DENIED, ErrorCode.CALL_REFUSED, ErrorCode.INPUT_INVALID}
    if error.code is not ErrorCode.EGRESS_DENIED:
        assert "refused" not in error.cause


class Resolver(AbstractResolver):
    """Names with addresses of our choice."""

    def __init__(self, **hosts: list[str]) -> None:
        self._hosts = {name.replace("_", "."): found for name, found in hosts.items()}

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """As the system would."""
        del family
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self._hosts[host]
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1", "127.0.0.1"], ["10.0.0.1", "10.0.0.2", "fd00::1"]], ids=str
)
async def test_a_name_is_judged_by_what_it_resolves_to(addresses: list[str]) -> None:
    """A public name with a private address is denied at the connect attempt, also among several addresses."""
    client = Client(Egress(), resolver=Resolver(rebinding_example_com=addresses))
    error = await failing(client, "http://rebinding.example.com:9/")
    await client.close()
    assert (error.code, error.sent) == (ErrorCode.EGRESS_DENIED, Sent.NO)
    assert "FLOWS_EGRESS_ALLOW" in error.cause


async def test_a_host_is_allowed_by_name_and_only_by_that_name() -> None:
    """`closum` may be anywhere; another name for the same address may not."""
    async with answering(OK) as server:
        client = Client(Egress([allowed("Closum")]), resolver=Resolver(closum=["127.0.0.1"], other=["127.0.0.1"]))
        assert (await call(client, f"http://closum:{server.port}/")).status == 200
        for host in ("other", "127.0.0.1"):
            error = await failing(client, f"http://{host}:{server.port}/")
            assert (error.code, error.sent) == (ErrorCode.EGRESS_DENIED, Sent.NO)
        await client.close()
    assert len(server.requests) == 1


def test_what_the_setting_takes() -> None:
    """Networks and names; anything else is told with the right form."""
    assert allowed(" 10.0.0.0/8 ") == ip_network("10.0.0.0/8")
    assert allowed("CRM.internal.") == "crm.internal"
    for wrong in ("10.0.0.300", "http://crm", "crm:80", "*", "10.0.0.1/8", ""):
        with pytest.raises(ValueError, match="neither a network"):
            allowed(wrong)


def test_public_addresses_are_allowed() -> None:
    """Also IPv6 ones; an address is only ever checked, no packet is sent."""
    for address in ("8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4003::1"):
        assert public(ip_address(address))
        Egress().check("example.com", address)
    with pytest.raises(EgressDeniedError):
        Egress().check("example.com", "fe80::1%eth0")
