"""Connections that stand still: they hold what came of them, of a share that is theirs, and shut nobody else out."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from contracts.errors import ErrorCode
from services.ingest.decompression import unpacked
from services.ingest.server import HttpServer
from services.ingest.sources.load import load
from tests.support.ingest import application, client

TOKEN = "token-0123456789abcdef"
FILE = """\
sources:
  signed: { trigger: closum.lead.created, authentication: { preset: github, secret: { env: T } } }
  stamped: { trigger: closum.lead.created, authentication: { preset: slack, secret: { env: T } } }
  lead: { trigger: closum.lead.created, token: { env: T } }
"""
LEAD = json.dumps({"email": "a@b.pt"}).encode()


@contextlib.asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[HttpServer]:
    """The gateway behind its real server."""
    (folder / "sources.yaml").write_text(FILE)
    app, _ = application(load(folder / "sources.yaml", {"T": TOKEN}), max_in_flight=100, max_in_flight_bytes=2**22)
    server = HttpServer(app, "127.0.0.1", 0, 100, 75)
    serving = asyncio.create_task(server.serve())
    try:
        yield server
    finally:
        await server.stop(1)
        await asyncio.gather(serving, return_exceptions=True)


ANNOUNCED = b"POST /v1/hooks/signed HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n"
UNPROVED = ANNOUNCED + b"X-Hub-Signature-256: sha256=0\r\n"
STALLED = {
    "nothing shown that could be a proof": ANNOUNCED + b"\r\n",
    "nothing of the body": UNPROVED + b"\r\n",
    "all of it but a byte": UNPROVED + b"\r\n" + b" " * 262_143,
    "a head without end": UNPROVED + b"X-Long: " + b"x" * 16_000,
    "not a byte": b"",
}


async def test_stalled_strangers_shut_no_source(tmp_path: Path) -> None:
    """More than may be at work, each announcing the largest body: another source is answered at once, by 202."""
    async with gateway(tmp_path) as server, httpx.AsyncClient(trust_env=False) as http:
        url = "http://{}:{}".format(*server.address)
        while True:
            with contextlib.suppress(httpx.TransportError):
                await http.get(url)
                break
            await asyncio.sleep(0.05)
        opened = []
        for name, said in STALLED.items():
            opened += [await asyncio.open_connection(*server.address) for _ in range(150)]
            for _, writer in opened[-150:]:
                writer.write(said)
            for number in range(10):
                answer = await http.post(f"{url}/v1/hooks/lead/{TOKEN}", content=LEAD, timeout=5)
                assert answer.status_code == 202, (name, number, answer.text)
        for _, writer in opened:
            writer.transport.abort()


async def test_a_proof_that_is_possible_before_the_body_is_made_before_it(tmp_path: Path) -> None:
    """No signature, or one whose time is long over: 401, and not a byte is read."""
    (tmp_path / "sources.yaml").write_text(FILE)
    app, _ = application(load(tmp_path / "sources.yaml", {"T": TOKEN}))

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    stale = {"X-Slack-Signature": "v0=0", "X-Slack-Request-Timestamp": "1"}
    async with client(app) as http:
        for path, headers in (("signed", {}), ("stamped", {}), ("stamped", stale)):
            answer = await http.post(f"/v1/hooks/{path}", content=body(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, ErrorCode.UNAUTHENTICATED)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_deflate_comes_in_both_its_forms(level: int) -> None:
    """In zlib's, as the standard has it, and raw, as many send it; of gzip all members."""
    raw = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    for body in (LEAD, LEAD * 1000):
        packed = raw.copy()
        assert unpacked(packed.compress(body) + packed.flush(), "deflate", len(body)) == body
        assert unpacked(zlib.compress(body, level), "deflate", len(body)) == body
        assert unpacked(gzip.compress(body) + gzip.compress(body), "gzip", 2 * len(body)) == 2 * body
