"""Connections at work, over real sockets and on real PostgreSQL: OAuth 2, proxies, certificates."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import asyncpg
import pytest
from aiohttp import web

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError, DestinationReply
from services.actions.attempt.http import HttpCall
from services.actions.connections import Connection, load, token_credentials
from services.actions.connections.setup import equipped
from services.actions.settings import ActionsSettings
from services.flows.catalogue import Guarantee
from services.runtime import settings
from services.runtime.database import migrate
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.support.certificates import certificates

SECRET = "Marker/cl1ent sécret+7"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on the loopback address; its port."""
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class Authority:
    """Issues tokens, and is the API that wants them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.calls: list[str] = []
        self.expires_in: float | None = 3600
        self.valid: set[str] = set()
        self.slow = False
        self.answer: web.Response | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        sent = request.headers.get("Authorization", "")
        if request.path == "/token":
            self.asked.append((sent, parse_qs((await request.read()).decode())))
            if self.answer is not None:
                return web.Response(body=self.answer.body, status=self.answer.status, headers=self.answer.headers)
            token = f"Marker-token-{len(self.asked)}"
            if not self.slow:
                self.valid.add(token)
            more = {} if self.expires_in is None else {"expires_in": self.expires_in}
            return web.json_response({"access_token": token, "token_type": "Bearer", **more})
        self.calls.append(sent)
        if sent.removeprefix("Bearer ") not in self.valid:
            return web.json_response({"message": f"you sent {sent}"}, status=401)
        return web.json_response({"you": sent})


def file(folder: Path, port: int, **entry: Any) -> Path:
    """A connections file with one connection, `crm`. JSON is YAML."""
    path = folder / "connections.yaml"
    scheme = entry.pop("scheme", "http")
    path.write_text(json.dumps({"connections": {"crm": {"base_url": f"{scheme}://127.0.0.1:{port}", **entry}}}))
    return path


def oauth2(port: int, **more: Any) -> dict[str, Any]:
    """Its authentication."""
    form = {"oauth2": f"http://127.0.0.1:{port}/token", "client_id": "id:1", "client_secret": {"env": "SECRET"}}
    return {"authentication": form | more}


@asynccontextmanager
async def worker(path: Path, database_url: str = "") -> AsyncIterator[Connection]:
    """One worker's connection `crm`, ready for calls."""
    environ = {
        "DATABASE_URL": database_url or "postgresql://nobody@127.0.0.1:9/none",
        "FLOWS_EGRESS_ALLOW": "127.0.0.1",
    }
    client = Client(Egress([allowed("127.0.0.1")]))
    found = load(path, {"SECRET": SECRET, "PROXY": "Marker-proxy-7"})
    try:
        async with equipped(settings.load(ActionsSettings, environ), found, client) as ready:
            SHARED[id(ready["crm"])] = client
            yield ready["crm"]
    finally:
        await client.close()


SHARED: dict[int, Client] = {}


async def ask(connection: Connection, url: str = "/x", seconds: float = 5) -> DestinationReply:
    """One call."""
    call = HttpCall(SHARED[id(connection)], connection, "e1", seconds)
    return await call("GET", url, guarantee=Guarantee.REPEATABLE)


@pytest.fixture(scope="module")
async def database(database_url: str) -> str:
    """With its tables."""
    await migrate(database_url)
    return database_url


@pytest.fixture
async def clean(database: str) -> str:
    """Without tokens."""
    connection = await asyncpg.connect(database)
    await connection.execute("delete from oauth_tokens")
    await connection.close()
    return database


async def test_workers_share_one_token(clean: str, tmp_path: Path) -> None:
    """Five workers with twenty calls each fetch one token together; it is nowhere in the table to be read."""
    authority = Authority()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(authority.handle))
        path = file(tmp_path, port, **oauth2(port, scope="contacts.write", audience="crm"))
        workers = [await stack.enter_async_context(worker(path, clean)) for _ in range(5)]
        replies = await asyncio.gather(*(ask(one) for one in workers for _ in range(20)))
    assert {reply.json()["you"] for reply in replies} == {"Bearer [hidden]"}
    assert len(authority.asked) == 1
    sent, form = authority.asked[0]
    scheme, _, pair = sent.partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"id%3A1:Marker%2Fcl1ent%20s%C3%A9cret%2B7")
    assert form == {"grant_type": ["client_credentials"], "scope": ["contacts.write"], "audience": ["crm"]}
    assert set(authority.calls) == {"Bearer Marker-token-1"}
    connection = await asyncpg.connect(clean)
    rows = await connection.fetch("select * from oauth_tokens")
    await connection.close()
    assert len(rows) == 1
    assert "Marker" not in repr(rows)


async def test_a_token_is_renewed_before_it_ends(clean: str, tmp_path: Path) -> None:
    """By one worker for all, when half of a short life is over."""
    authority = Authority()
    authority.expires_in = 1.0
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(authority.handle))
        workers = [await stack.enter_async_context(worker(file(tmp_path, port, **oauth2(port)), clean)) for _ in "ab"]
        await asyncio.gather(*map(ask, workers))
        async with asyncio.timeout(10):
            while len(authority.asked) < 2:
                await asyncio.gather(*map(ask, workers))
                await asyncio.sleep(0.02)
        assert authority.calls.count("Bearer Marker-token-1") >= 2


async def test_a_refused_token_is_renewed_once(clean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was taken before, at once; one that never was, not before it had its time: it may be too young."""
    authority = Authority()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(authority.handle))
        one = await stack.enter_async_context(worker(file(tmp_path, port, **oauth2(port, client_in="body")), clean))
        await ask(one)
        assert authority.asked[0][1]["client_secret"] == [SECRET]
        authority.valid.clear()  # revoked
        monkeypatch.setattr(token_credentials, "BETWEEN_SECONDS", 0.0)
        with pytest.raises(CallFailedError) as raised:
            await ask(one)
        assert (raised.value.code, raised.value.retriable) == (ErrorCode.CREDENTIALS_REFUSED, True)
        assert "Marker" not in raised.value.cause
        assert (await ask(one)).status == 200
        assert len(authority.asked) == 2
        authority.valid.clear()
        with pytest.raises(CallFailedError):
            await ask(one)
        authority.slow = True  # the next one is good later
        for _ in range(3):
            with pytest.raises(CallFailedError) as raised:
                await ask(one)
            assert (raised.value.code, raised.value.retriable) == (ErrorCode.CREDENTIALS_REFUSED, True)
        authority.valid.add("Marker-token-3")
        assert (await ask(one)).status == 200
        assert len(authority.asked) == 3


@pytest.mark.parametrize("form", ["201", "bom", "gzip"])
async def test_a_token_is_read_in_each_form(clean: str, tmp_path: Path, form: str) -> None:
    """Created, behind a byte order mark, compressed unasked."""
    authority = Authority()
    body = json.dumps({"access_token": "Marker-token-1", "token_type": "Bearer", "expires_in": 60}).encode()
    body = b"\xef\xbb\xbf" + body if form == "bom" else gzip.compress(body) if form == "gzip" else body
    headers = {"Content-Encoding": "gzip"} if form == "gzip" else {}
    authority.answer = web.Response(body=body, status=201 if form == "201" else 200, headers=headers)
    authority.valid.add("Marker-token-1")
    async with serving(authority.handle) as port, worker(file(tmp_path, port, **oauth2(port)), clean) as one:
        assert (await ask(one)).status == 200


async def test_without_postgresql_a_worker_fetches_its_own(tmp_path: Path) -> None:
    """Calls go on."""
    authority = Authority()
    authority.expires_in = None
    async with serving(authority.handle) as port, worker(file(tmp_path, port, **oauth2(port))) as one:
        assert (await ask(one)).status == 200
        assert (await ask(one)).status == 200
    assert len(authority.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"error": "invalid_client", "error_description": "who are you?"}, ErrorCode.CREDENTIALS_REFUSED),
        (400, {"error": "invalid_scope"}, ErrorCode.CREDENTIALS_REFUSED),
        (503, {}, ErrorCode.DESTINATION_BUSY),
        (500, {}, ErrorCode.DESTINATION_FAILED),
        (200, {"token_type": "bearer"}, ErrorCode.ANSWER_INVALID),
        (200, {"access_token": "x", "token_type": "mac"}, ErrorCode.ANSWER_INVALID),
        (200, ["x"], ErrorCode.ANSWER_INVALID),
        (401, {"message": f"no {SECRET}"}, ErrorCode.CREDENTIALS_REFUSED),
    ],
)
async def test_no_token(clean: str, tmp_path: Path, status: int, body: Any, code: ErrorCode) -> None:
    """Nothing is sent to the destination, and a thousand waiting calls do not ask a thousand times: all wait."""
    authority = Authority()
    authority.answer = web.json_response(body, status=status)
    async with serving(authority.handle) as port, worker(file(tmp_path, port, **oauth2(port)), clean) as one:
        results = await asyncio.gather(*(ask(one) for _ in range(50)), return_exceptions=True)
    for error in results:
        assert isinstance(error, CallFailedError)
        assert (error.code, error.retriable, error.effect_possible, error.away) == (code, True, False, True)
        assert "no access token" in error.cause
        assert "Marker" not in error.cause
    assert (len(authority.asked), authority.calls) == (1, [])


async def test_nobody_at_the_token_address(clean: str, tmp_path: Path) -> None:
    """Certainly nothing was sent to the destination."""
    async with worker(file(tmp_path, 9, **oauth2(9)), clean) as one:
        with pytest.raises(CallFailedError) as raised:
            await ask(one)
    assert (raised.value.code, raised.value.effect_possible) == (ErrorCode.CALL_REFUSED, False)
    assert raised.value.away


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_token_endpoint_that_hangs_or_breaks_off_is_away(
    clean: str,
    tmp_path: Path,
    hangs: bool,  # noqa: FBT001 - as parametrized
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later try may succeed, and nothing was sent to the destination."""
    monkeypatch.setattr(token_credentials, "FETCH_SECONDS", 0.2)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(1.0 if hangs else 0.0)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(handle) as port, worker(file(tmp_path, port, **oauth2(port)), clean) as one:
        with pytest.raises(CallFailedError) as raised:
            await ask(one)
    error = raised.value
    assert (error.code, error.retriable, error.effect_possible) == (ErrorCode.CALL_REFUSED, True, False)
    assert error.away


async def test_a_token_endpoint_that_was_away_is_asked_again_soon(
    clean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tries the open breaker learns how it is now; but one that says when to come is not asked before."""
    monkeypatch.setattr(token_credentials, "AWAY_SECONDS", 0.0)
    authority = Authority()
    async with serving(authority.handle) as port, worker(file(tmp_path, port, **oauth2(port)), clean) as one:
        for headers, asked in (({}, 1), ({"Retry-After": "50"}, 2), ({}, 2)):
            authority.answer = web.json_response({}, status=503, headers=headers)
            with pytest.raises(CallFailedError) as raised:
                await ask(one)
            assert (len(authority.asked), raised.value.retry_after_seconds) == (asked, None)


# Certificates


def server_context(folder: Path, *, wants_client: bool) -> ssl.SSLContext:
    """A server with the test authority's certificate."""
    certificates(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED if wants_client else ssl.CERT_NONE
    return context


async def _hello(request: web.BaseRequest) -> web.StreamResponse:
    certificate = request.transport.get_extra_info("peercert") if request.transport else None
    return web.json_response({"subject": str(certificate)})


async def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """Is trusted by the connection that names it, and by no other."""
    async with serving(_hello, server_context(tmp_path, wants_client=False)) as port:
        async with worker(file(tmp_path, port, scheme="https", tls={"ca": str(tmp_path / "ca.pem")})) as one:
            assert (await ask(one)).status == 200
        async with worker(file(tmp_path, port, scheme="https")) as one:
            with pytest.raises(CallFailedError, match="its certificate is refused") as raised:
                await ask(one)
            assert raised.value.code is ErrorCode.CALL_REFUSED


async def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    """The server knows by it who calls."""
    async with serving(_hello, server_context(tmp_path, wants_client=True)) as port:
        tls = {"ca": str(tmp_path / "ca.pem")}
        with_ours = {**tls, "certificate": str(tmp_path / "client.pem")}
        async with worker(file(tmp_path, port, scheme="https", tls=with_ours)) as one:
            assert "client" in (await ask(one)).json()["subject"]
        async with worker(file(tmp_path, port, scheme="https", tls=tls)) as one:
            with pytest.raises(CallFailedError):
                await ask(one)


# A proxy


class Proxy:
    """A small HTTP proxy that tunnels and forwards nothing but what it is told to."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.asked: list[tuple[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        self.asked.append((first, fields.get("proxy-authorization", "")))
        there, here = await asyncio.open_connection("127.0.0.1", self.to)
        if first.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            here.write(head.encode())
        await asyncio.gather(_pipe(reader, here), _pipe(there, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy(tmp_path: Path, scheme: str) -> None:
    """Everything goes through it, with its own password; its address needs no other permission."""
    tls = server_context(tmp_path, wants_client=False) if scheme == "https" else None
    async with serving(_hello, tls) as port:
        proxy = Proxy(port)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        entry = {
            "scheme": scheme,
            "proxy": {
                "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
                "username": "us",
                "password": {"env": "PROXY"},
            },
            **({"tls": {"ca": str(tmp_path / "ca.pem")}} if tls else {}),
        }
        async with worker(file(tmp_path, port, **entry)) as one:
            assert (await ask(one)).status == 200
            assert "Marker" not in repr(one)
        server.close()
    first, password = proxy.asked[0]
    assert first.startswith("CONNECT 127.0.0.1" if tls else "GET http://127.0.0.1")
    assert password == f"Basic {base64.b64encode(b'us:Marker-proxy-7').decode()}"


async def test_a_proxy_that_is_away(tmp_path: Path) -> None:
    """Certainly not sent."""
    async with worker(file(tmp_path, 80, proxy={"url": "http://127.0.0.1:9"})) as one:
        with pytest.raises(CallFailedError) as raised:
            await ask(one)
    assert (raised.value.code, raised.value.effect_possible) == (ErrorCode.CALL_REFUSED, False)
