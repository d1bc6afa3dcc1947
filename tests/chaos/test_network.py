"""The proxy does to a connection what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.chaos.network import LOOPBACK, Link


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """To a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    made = Link(server.sockets[0].getsockname()[1])
    await made.start()
    yield made
    await made.close()
    server.close()


async def said(link: Link, seconds: float = 2.0) -> bytes:
    """What comes back on a new connection."""
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    try:
        writer.write(b"hello")
        async with asyncio.timeout(seconds):
            return await reader.readexactly(5)
    finally:
        writer.close()


async def test_a_cut_resets_what_is_open_and_refuses_what_comes(link: Link) -> None:
    """Until it is mended, at the same port."""
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    await link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        await said(link)
    await link.mend()
    assert await said(link) == b"hello"


async def test_what_is_half_open_says_nothing_until_it_is_mended(link: Link) -> None:
    """Neither of what was open nor of what is opened meanwhile; then both are reset."""
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    link.half_open()
    writer.write(b"hello")
    with pytest.raises(TimeoutError):
        await said(link, 0.1)
    await link.mend()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(5)
    assert await said(link) == b"hello"


async def test_a_delay_is_of_each_way(link: Link) -> None:
    """There and back."""
    link.delay_seconds = 0.1
    begun = time.monotonic()
    assert await said(link) == b"hello"
    assert time.monotonic() - begun >= 0.2


async def test_an_end_is_passed_on(link: Link) -> None:
    """As without a proxy."""
    reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
    writer.write_eof()
    assert await reader.read() == b""
