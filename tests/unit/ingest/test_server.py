"""The server: its address is asked for before granian has it, and slow senders are cut."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time

import pytest
from starlette.types import Receive, Scope, Send

from services.ingest import server
from services.ingest.server import HttpServer, reserve
from services.ingest.settings import IngestSettings
from services.runtime.settings import SettingsError


def test_port_0_becomes_a_free_one() -> None:
    """So that it can be told."""
    host, port = reserve("localhost", 0)
    assert host in {"127.0.0.1", "::1"}
    assert port > 0


def test_a_port_in_use_is_refused() -> None:
    """Left alone, granian would share it: SO_REUSEPORT."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"FLOWS_INGEST_PORT={port}: another program listens there"):
            reserve("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    """With the setting's name."""
    with pytest.raises(SettingsError, match=f"FLOWS_INGEST_HOST='{host}'"):
        reserve(host, 0)


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The least application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_who_sends_its_headers_slowly_is_cut() -> None:
    """Byte by byte, or nothing more at all: a connection is not held for ever. Others are answered meanwhile."""
    running = HttpServer(hello, "127.0.0.1", 0, 10, 1)
    serving = asyncio.create_task(running.serve())

    async def trickle(byte: bytes) -> float:
        reader, writer = await connect(running)
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            while not reader.at_eof():
                writer.write(byte)
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.05)
        writer.close()
        return time.monotonic() - begun

    slow = [asyncio.create_task(trickle(byte)) for byte in (b"", b"x")]
    reader, writer = await connect(running)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    async with asyncio.timeout(10):
        for seconds in await asyncio.gather(*slow):
            assert 0.9 < seconds < 4
    assert await running.stop(5)
    await asyncio.gather(serving, return_exceptions=True)


async def test_an_idle_connection_is_kept_as_long_as_the_setting_says() -> None:
    """By default longer than load balancers do: whoever closes first meets a request on its way."""
    assert IngestSettings().keep_alive_seconds >= 75
    running = HttpServer(hello, "127.0.0.1", 0, 10, 1)
    serving = asyncio.create_task(running.serve())
    reader, writer = await connect(running)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.3)
    begun = time.monotonic()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert 0.2 < time.monotonic() - begun < 4
    writer.close()
    assert await running.stop(5)
    await asyncio.gather(serving, return_exceptions=True)


async def test_who_keeps_sending_is_told_to_go_and_never_cut() -> None:
    """At a stop each sender's last answer says `Connection: close`, once, however long it takes to send again."""
    running = HttpServer(hello, "127.0.0.1", 0, 100, 75)
    serving = asyncio.create_task(running.serve())
    sent, enough = 0, asyncio.Event()

    async def send(pause_seconds: float) -> list[bytes]:
        nonlocal sent
        reader, writer = await connect(running)
        head: list[bytes] = []
        while b"connection: close" not in head:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).lower().splitlines()
            sent += 1
            if sent == 50:
                enough.set()
            await asyncio.sleep(pause_seconds)
        assert await reader.read() == b""
        writer.close()
        return head

    senders = [asyncio.create_task(send(server.QUIET_SECONDS * part / 10)) for part in (0, 0, 0, 1, 4)]
    async with asyncio.timeout(10):
        await enough.wait()
        assert await running.stop(5)
        for head in await asyncio.gather(*senders):
            assert head.count(b"connection: close") == 1
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_stop_waits_for_nobody_who_is_silent() -> None:
    """A kept connection without a request is closed, and a steady sender cannot hold the stop up for ever."""
    running = HttpServer(hello, "127.0.0.1", 0, 100, 75)
    serving = asyncio.create_task(running.serve())
    silent, _ = await connect(running)

    async def insist() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                _, writer = await connect(running)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await writer.drain()
                writer.close()

    steady = asyncio.create_task(insist())
    begun = time.monotonic()
    assert await running.stop(1)
    assert time.monotonic() - begun > 0.4
    assert await asyncio.wait_for(silent.read(), 5) == b""
    steady.cancel()
    await asyncio.gather(serving, steady, return_exceptions=True)


@pytest.mark.parametrize(("size", "status"), [(16_000, b"200"), (server.LARGEST_HEAD * 2, b"431"), (4_000_000, b"431")])
async def test_a_head_is_bounded(size: int, status: bytes) -> None:
    """431 as soon as it is too long: each connection may hold as much before anybody knows who it is."""
    running = HttpServer(hello, "127.0.0.1", 0, 10, 75)
    serving = asyncio.create_task(running.serve())
    reader, writer = await connect(running)
    sent = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * size + b"\r\n\r\n"
    got = b""
    with contextlib.suppress(ConnectionError):  # who sends on is cut
        for start in range(0, len(sent), 8192):
            writer.write(sent[start : start + 8192])
            await writer.drain()
            await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError):
        got = await asyncio.wait_for(reader.read(12), 5)
    # Who still sends when it is cut may lose the answer: the connection is over all the same.
    assert got[9:12] == status or (status == b"431" and not got)
    writer.close()
    assert await running.stop(5)
    await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize(
    ("limits", "wanted", "given", "raised_to"),
    [
        ((1_024, 20_000), 12_000, 12_000, 12_256),
        ((1_024, 4_096), 12_000, 3_840, 4_096),
        ((4_096, 4_096), 12_000, 3_840, None),
        ((100_000, resource.RLIM_INFINITY), 12_000, 12_000, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 12_000, 12_000, None),
        ((1_024, resource.RLIM_INFINITY), 12_000, 12_000, 12_256),
        ((64, 64), 12_000, 1, None),
    ],
)
def test_there_are_files_for_as_many_connections_as_are_taken(
    limits: tuple[int, int], wanted: int, given: int, raised_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit of 1,024 that services are started with is no bound; a hard one is, and is kept."""
    made: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda what, values: made.append((what, values)))
    assert server.connections(wanted) == given
    assert made == ([] if raised_to is None else [(resource.RLIMIT_NOFILE, (raised_to, limits[1]))])


def test_a_limit_that_cannot_be_raised_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are systems with a limit that they do not tell."""

    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1_024, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert server.connections(12_000) == 1_024 - server.OTHER_FILES


async def connect(running: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, as soon as it listens."""
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection(*running.address)
            await asyncio.sleep(0.02)
