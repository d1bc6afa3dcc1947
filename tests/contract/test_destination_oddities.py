"""What destinations do that they should not, over real sockets and the real client: how a call of an action ends.

Of each the same is asked for a POST of which nobody says that it may be repeated, and for one that is keyed. All
statuses of the table in services/actions/http_statuses.py are gone through in tests/unit/actions/test_retry.py.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.connections.parts import OAuth2
from services.actions.connections.token_credentials import TokenCredentials
from services.actions.connections.token_store import TokenStore
from services.actions.outcome import Done, Failed
from services.runtime.egress import Egress
from services.runtime.http import CallError, Client, Sent
from tests.support.certificates import certificates
from tests.support.raw_destination import Caller, Do, Part, answer, destination
from tests.support.sockets import Server

LOOPBACK = ip_network("127.0.0.0/8")
JSON = "application/json"
SECONDS = 0.6


@dataclass(frozen=True)
class Ends:
    """How a call ends. `code` None: done, with these `outputs`. `maybe`: the effect can be there.

    `again`: never; always; or "keyed", only where the destination recognises the repetition.
    """

    code: ErrorCode | None = None
    again: Literal["never", "always", "keyed"] = "never"
    maybe: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    retry_after: float | None = None


DONE = Ends(outputs={"status": 200, "json": {"id": 7}})
REJECTED = Ends(ErrorCode.CALL_REJECTED)
LATER = Ends(ErrorCode.CALL_REJECTED, "always")
BUSY = Ends(ErrorCode.DESTINATION_BUSY, "always")
FAILED = Ends(ErrorCode.DESTINATION_FAILED, "keyed", maybe=True)
BROKEN = Ends(ErrorCode.CALL_INTERRUPTED, "keyed", maybe=True)
LATE = Ends(ErrorCode.CALL_TIMED_OUT, "keyed", maybe=True)
UNFIT = Ends(ErrorCode.ANSWER_INVALID, maybe=True)


def busy(retry_after: str, seconds: float | None, status: str = "503 X") -> tuple[tuple[Part, ...], Ends]:
    return (Do.READ, answer(status, retry_after=retry_after)), Ends(BUSY.code, "always", retry_after=seconds)


def date(**ahead: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**ahead), usegmt=True)


OK = answer(body=b'{"id":7}')
READ = Do.READ
BYTEWISE: tuple[Part, ...] = tuple(OK[at : at + 1] for at in range(len(OK)))
CHUNKED = b"HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n"
TRICKLE: tuple[Part, ...] = (b"1\r\nx\r\n", 0.05) * 100
FLOOD: tuple[Part, ...] = (b"10000\r\n" + b"x" * 65_536 + b"\r\n",) * 40
SCHEMA = {"json_schema": {"properties": {"ok": {"const": True}}, "required": ["ok"]}}
BIG = {"json": None, "text": "x" * 3_000_000}

CASES: dict[str, tuple[tuple[Part, ...], Ends] | tuple[tuple[Part, ...], Ends, dict[str, Any]]] = {
    # Retry-After
    "after seconds": busy("7", 7),
    "after none": busy("0", 0),
    "after a fraction": busy("1.5", 1.5, "429 X"),
    "after less than nothing": busy("-3", None),
    "after garbage": busy("soon", None),
    "after a date that is past": busy(date(hours=-1), 0),
    "after two of them": (
        (READ, b"HTTP/1.1 503 X\r\nRetry-After: 3\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"),
        Ends(BUSY.code, "always", retry_after=9),
    ),
    "after a hundred years": busy("3153600000", 999_999_999.0),
    # Statuses
    "408": ((READ, answer("408 X")), BUSY),
    "409": ((READ, answer("409 X")), REJECTED),
    "423": ((READ, answer("423 X")), LATER),
    "425": ((READ, answer("425 X")), BUSY),
    "a status that there is not": ((READ, answer("999 X")), FAILED),
    "a status below all": ((READ, answer("099 X")), FAILED),
    "another protocol, unasked": (
        (READ, b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Do.WAIT),
        FAILED,
    ),
    "202": ((READ, answer("202 X")), Ends(outputs={"status": 202})),
    "202, and then it fails": ((READ, b"HTTP/1.1 202 X\r\nContent-Length: 9\r\n\r\n{", Do.RESET), BROKEN),
    "200 with an error": ((READ, answer(body=b'{"ok":false,"error":"no"}')), UNFIT, SCHEMA),
    "200 with an error that nobody looks for": (
        (READ, answer(body=b'{"ok":false}')),
        Ends(outputs={"status": 200, "json": {"ok": False}}),
    ),
    "204 with a body": (
        (READ, b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello"),
        Ends(outputs={"status": 204, "json": None, "text": ""}),
    ),
    "204 with a body of no length": ((READ, b"HTTP/1.1 204 X\r\n\r\nhello"), Ends(outputs={"status": 204})),
    # Redirects
    "301": (
        (READ, answer("301 X", location="https://u:p@x.example/a?key=s")),
        Ends(REJECTED.code, says="it points to 'https://x.example/a'"),
    ),
    "302": ((READ, answer("302 X", location="/a")), Ends(REJECTED.code, maybe=True)),
    "303": ((READ, answer("303 X", location="/a")), Ends(REJECTED.code, maybe=True)),
    "303, as the flow wants it": (
        (READ, answer("303 X", location="/a")),
        Ends(outputs={"status": 303}),
        {"expect_status": [303]},
    ),
    "307": ((READ, answer("307 X", location="/a")), REJECTED),
    "308": ((READ, answer("308 X")), Ends(REJECTED.code, says="'nowhere'")),
    "304": ((READ, answer("304 X")), REJECTED),
    # Bodies
    "an answer that trickles for ever": ((READ, CHUNKED % b"200 X", *TRICKLE), LATE),
    "an error that trickles for ever": ((READ, CHUNKED % b"503 X", *TRICKLE), BUSY),
    "an answer that floods for ever": ((READ, CHUNKED % b"200 X", *FLOOD), UNFIT),
    "an error that floods for ever": ((READ, CHUNKED % b"422 X", *FLOOD), REJECTED),
    "an error whose body breaks off": ((READ, CHUNKED % b"422 X", b"9\r\n{", Do.RESET), REJECTED),
    "an error that is not what it says": ((READ, answer("422 X", body=b"?", content_encoding="gzip")), REJECTED),
    "gzip, unasked": ((READ, answer(body=gzip.compress(b'{"id":7}'), content_encoding="gzip")), DONE),
    "gzip in an error": (
        (
            READ,
            answer("422 X", body=gzip.compress(b'{"detail":"too old"}'), content_encoding="gzip", content_type=JSON),
        ),
        Ends(REJECTED.code, says="HTTP 422: too old"),
    ),
    "a compression that nobody knows": ((READ, answer(content_encoding="br")), UNFIT),
    "a body that is too short": ((READ, b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{}", Do.CLOSE), BROKEN),
    "a body that is too long": ((READ, b'HTTP/1.1 200 X\r\nContent-Length: 8\r\n\r\n{"id":7}{"id":8}'), DONE),
    "more behind the last chunk": ((READ, CHUNKED % b"200 X", b'8\r\n{"id":7}\r\n0\r\n\r\nmore'), DONE),
    "two lengths": ((READ, b'HTTP/1.1 200 X\r\nContent-Length: 8\r\nContent-Length: 2\r\n\r\n{"id":7}'), BROKEN),
    "a length and chunks": (
        (READ, b"HTTP/1.1 200 X\r\nContent-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        BROKEN,
    ),
    "no length": ((READ, b'HTTP/1.1 200 X\r\n\r\n{"id":7}', Do.CLOSE), DONE),
    "a BOM before JSON": ((READ, answer(body=b'\xef\xbb\xbf{"id":7}', content_type=JSON)), DONE),
    "a BOM before an error": (
        (READ, answer("422 X", body=b'\xef\xbb\xbf{"detail":"too old"}')),
        Ends(REJECTED.code, says="HTTP 422: too old"),
    ),
    "a BOM before what is checked": (
        (READ, answer(body=b'\xef\xbb\xbf{"ok":true}')),
        Ends(outputs={"json": {"ok": True}}),
        SCHEMA,
    ),
    "invalid UTF-8": (
        (READ, answer(body=b'{"id":"\xff"}', content_type=JSON)),
        Ends(outputs={"json": None, "text": '{"id":"\ufffd"}'}),
    ),
    "invalid UTF-8 where JSON is wanted": ((READ, answer(body=b'{"ok":"\xff"}')), UNFIT, SCHEMA),
    # Headers
    "a header of 9 KB": ((READ, answer(body=b'{"id":7}', x="y" * 9000)), DONE),
    "headers of 60 KB": ((READ, answer(body=b'{"id":7}', x="y" * 60_000)), DONE),
    "200 headers": ((READ, answer(body=b'{"id":7}', **{f"x{n}": "y" for n in range(200)})), DONE),
    "a header that does not end": ((READ, b"HTTP/1.1 200 X\r\nX: ", *(b"y" * 65_536,) * 3, 1.0), BROKEN),
    "a header twice": (
        (READ, b'HTTP/1.1 200 X\r\nX: a\r\nx: b\r\nContent-Length: 8\r\n\r\n{"id":7}'),
        Ends(outputs={"headers": {"x": "a, b", "content-length": "8"}, "json": {"id": 7}}),
    ),
    "a header of other bytes": ((READ, answer(body=b'{"id":7}', x="\xff\xe9")), DONE),
    "a head byte for byte": ((READ, *BYTEWISE), DONE),
    "a head that ends between its last bytes": (
        (READ, b"HTTP/1.1 204 X\r\nX: y\r\n\r", 0.02, b"\nhello"),
        Ends(outputs={"status": 204}),
    ),
    # The request on its way
    "an early 413, and it listens on": ((Do.READ_HEAD, answer("413 X", connection="close"), Do.WAIT), REJECTED, BIG),
    "an early 413, and it hangs up": (
        (Do.READ_HEAD, answer("413 X", connection="close"), 0.2, Do.CLOSE),
        REJECTED,
        BIG,
    ),
    "it hangs up over the request": ((Do.READ_HEAD, Do.RESET), BROKEN, BIG),
    "it reads nothing more": ((Do.READ_HEAD, 2.0), LATE, BIG),
    "go on, go on": ((READ, b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK), DONE),
    "hints before 204 with a body": (
        (READ, b"HTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 204 X\r\n\r\nhello"),
        Ends(outputs={"status": 204}),
    ),
    "go on, for ever": ((READ, *(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05) * 100), LATE),
    "it hangs up at once": ((Do.CLOSE,), BROKEN),
    "it hangs up after the request": ((READ, Do.CLOSE), BROKEN),
    "it is no HTTP": ((READ, b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), BROKEN),
}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    """A worker's client that may call the loopback address."""
    made = Client(Egress([LOOPBACK]))
    yield made
    await made.close()


@pytest.mark.parametrize("keyed", [False, True], ids=["at most once", "keyed"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_how_it_ends(case: tuple[Any, ...], client: Client, *, keyed: bool) -> None:
    """Done, to be tried again, dead or unknown; never a bug, and never later than its deadline allows."""
    script, ends, *given = case
    more: dict[str, Any] = {**(given[0] if given else {}), **({"repeat": "keyed"} if keyed else {})}
    began = asyncio.get_running_loop().time()
    async with destination(*script) as server:
        outcome = await Caller(client, SECONDS)(server, **more)
    assert asyncio.get_running_loop().time() - began < SECONDS + 1.5
    if ends.code is None:
        assert isinstance(outcome, Done), outcome
        assert {name: outcome.outputs[name] for name in ends.outputs} == ends.outputs
        return
    assert isinstance(outcome, Failed), outcome
    assert (outcome.code, outcome.maybe) == (ends.code, ends.maybe)
    assert outcome.unknown is (ends.maybe and not keyed)
    assert outcome.again is (ends.again == "always" or (ends.again == "keyed" and keyed))
    assert ends.says in outcome.cause
    assert outcome.retry_after_seconds == ends.retry_after


async def test_a_date_to_come_back_at(client: Client) -> None:
    async with destination(READ, answer("429 X", retry_after=date(minutes=10))) as server:
        outcome = await Caller(client)(server)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_seconds == pytest.approx(600, abs=5)


async def test_409_to_a_repetition_means_that_the_first_is_at_work(client: Client) -> None:
    """Of a keyed call it is tried again, and may have happened; else it is what the destination thinks of the call."""
    async with destination(READ, answer("409 X")) as server:
        outcome = await Caller(client)(server, repeated=True, repeat="keyed")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.again, outcome.maybe) == (ErrorCode.CALL_REJECTED, True, True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_else_gets_the_credentials(client: Client, status: int) -> None:
    async with destination(READ, OK) as other:
        async with destination(READ, answer(f"{status} X", location=f"{other.url}/a")) as server:
            await Caller(client)(server)
        assert b"authorization: bearer t0ken" in server.requests[0].lower()
        assert (other.connections, len(server.requests)) == (0, 1)


FORGED = answer(body=b'{"id":"forged"}')


@pytest.mark.parametrize(
    "first",
    [
        (OK + FORGED,),
        (OK, 0.05, FORGED),
        (OK, 0.05, FORGED[:20]),
        (b"HTTP/1.1 204 X\r\n\r\n" + FORGED,),
        (b"HTTP/1.1 200 X\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n" + OK,),
    ],
    ids=["at once", "later", "a part of one", "as a body that is none", "behind a wrong length"],
)
async def test_what_nobody_asked_for_is_no_answer_to_the_next_call(client: Client, first: tuple[Part, ...]) -> None:
    """A destination that writes on after its answer: the next call has a connection of its own."""
    second = answer(body=b'{"id":"second"}')
    async with destination([READ, *first, READ, FORGED], [READ, second]) as server:
        await Caller(client)(server)
        await asyncio.sleep(0.15)
        outcome = await Caller(client)(server)
    assert isinstance(outcome, Done)
    assert (outcome.outputs["json"], server.connections) == ({"id": "second"}, 2)


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(client: Client) -> None:
    """Nothing of the second call is lost on it."""
    async with destination([READ, OK, Do.CLOSE], [READ, OK]) as server:
        await Caller(client)(server)
        await asyncio.sleep(0.1)
        assert isinstance(await Caller(client)(server), Done)


async def test_a_kept_connection_that_closes_as_the_request_goes_out_is_judged_by_the_guarantee(client: Client) -> None:
    """What of it the destination has taken nobody knows: made again where that is harmless, else unknown."""
    calls: list[tuple[dict[str, Any], bool]] = [({}, False), ({"repeat": "keyed"}, True), ({"method": "PUT"}, True)]
    for more, again in calls:
        async with destination([READ, OK, READ, Do.RESET], [READ, OK]) as server:
            await Caller(client)(server)
            outcome = await Caller(client)(server, **more)
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.again, outcome.unknown) == (ErrorCode.CALL_INTERRUPTED, again, not again)


class Resolver(AbstractResolver):
    """A name whose address changes; None: it has none."""

    def __init__(self, *addresses: str | None) -> None:
        self.addresses = list(addresses)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The next address; the last one stays."""
        del family
        found = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        if found is None:
            raise OSError("no such name")
        return [ResolveResult(hostname=host, host=found, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("before", ["127.0.0.2", None], ids=["moved", "unknown for a while"])
async def test_a_name_that_changes_is_looked_up_anew(before: str | None) -> None:
    """The call that fails had nothing sent; the next one goes to the new address, with no wait for a cache."""
    client = Client(Egress([LOOPBACK]), resolver=Resolver(before, "127.0.0.1"))
    async with destination(READ, OK) as server:
        url = f"http://crm.example.com:{server.port}/x"
        with pytest.raises(CallError) as raised:
            await client.call("POST", url, headers={}, content=b"{}", seconds=2)
        assert (raised.value.code, raised.value.sent) == (ErrorCode.CALL_REFUSED, Sent.NO)
        assert (await client.call("POST", url, headers={}, content=b"{}", seconds=2)).status == 200
    await client.close()


async def test_a_certificate_that_has_expired_and_is_renewed(tmp_path: Path) -> None:
    """Nothing is sent meanwhile, and no worker has to be restarted after."""
    certificates(tmp_path)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(tmp_path / "expired.pem")
    trusts = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client = Client(Egress([LOOPBACK]), tls=trusts)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    requests: list[bytes] = []
    listening = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=serves)
    server = Server(listening.sockets[0].getsockname()[1])
    url = f"https://127.0.0.1:{server.port}/x"
    with pytest.raises(CallError, match="certificate has expired") as raised:
        await client.call("POST", url, headers={}, content=b"{}", seconds=2)
    assert (raised.value.code, raised.value.sent, requests) == (ErrorCode.CALL_REFUSED, Sent.NO, [])
    assert raised.value.code.retriable
    serves.load_cert_chain(tmp_path / "server.pem")
    assert (await client.call("POST", url, headers={}, content=b"{}", seconds=2)).status == 200
    listening.close()
    await client.close()


TOKEN = b'{"access_token":"t0ken","token_type":"Bearer","expires_in":3600}'


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (answer(body=TOKEN), "t0ken"),
        (answer("201 X", body=TOKEN), "t0ken"),
        (answer(body=b"\xef\xbb\xbf" + TOKEN), "t0ken"),
        (answer(body=gzip.compress(TOKEN), content_encoding="gzip"), "t0ken"),
        (answer(body=b'{"access_token":"t0ken","token_type":null,"expires_in":1e300}'), "t0ken"),
        (answer(body=b'{"access_token":"","token_type":"Bearer"}'), None),
        (answer("204 X"), None),
        (answer("302 X", location="/token2"), None),
    ],
    ids=["plain", "201", "BOM", "gzip", "for ever, of no type", "empty", "204", "elsewhere"],
)
async def test_the_answer_of_a_token_endpoint(client: Client, said: bytes, value: str | None) -> None:
    """What is well meant is read; what is none is no token, and nothing was sent to the destination itself."""
    async with destination(READ, said) as server:
        oauth2 = OAuth2(f"{server.url}/token", "us", "s3cret")
        nowhere = TokenStore("postgresql://nobody@127.0.0.1:9/none", oauth2)  # then each worker fetches its own
        credentials = TokenCredentials(oauth2, client, nowhere)
        if value is not None:
            assert dict((await credentials.current()).headers) == {"Authorization": f"Bearer {value}"}
            return
        with pytest.raises(CallFailedError, match="no access token") as raised:
            await credentials.current()
    assert not raised.value.effect_possible
