"""A destination that answers any bytes in any timing, and a call of an action to it over the real HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt, checked
from services.actions.connections import Connection
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS
from services.flows.catalogue import BaseInputs, Guarantee
from services.runtime.http import Client
from tests.support.sockets import Server, read_request, reset, serving

EFFECT = "e" * 32


class Do(Enum):
    """What a destination does beside writing."""

    READ = auto()  # a whole request
    READ_HEAD = auto()  # a request's head, and nothing of its body
    CLOSE = auto()
    RESET = auto()  # end the connection with RST
    WAIT = auto()  # until the other side ends it


Part = bytes | float | Do
"""Bytes are written, a number is a pause in seconds."""


@asynccontextmanager
async def destination(*script: Part | Sequence[Part]) -> AsyncIterator[Server]:
    """Each connection plays a script: the first the first, the last all others. Several are given as lists."""
    scripts = [part for part in script if isinstance(part, list | tuple)] or [script]
    server: Server

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in scripts[min(server.connections, len(scripts)) - 1]:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            elif isinstance(part, float):
                await asyncio.sleep(part)
            elif part is Do.READ:
                server.requests.append(await read_request(reader))
            elif part is Do.READ_HEAD:
                server.requests.append(await reader.readuntil(b"\r\n\r\n"))
            elif part is Do.WAIT:
                while await reader.read(65_536):
                    pass
            else:
                if part is Do.RESET:
                    reset(writer)
                return

    async with serving(handler) as server:
        yield server


@dataclass
class Caller:
    """Makes calls of `http.request` as a worker does."""

    client: Client
    seconds: float = 3.0
    connection: Connection = field(default_factory=lambda: Connection("crm", ""))

    async def __call__(self, server: Server, *, repeated: bool = False, **given: Any) -> Done | Failed:
        """One attempt: a POST, if not said otherwise. `repeated`: one before may be at work still."""
        action = ACTIONS["http.request"]
        inputs = checked(action, {"method": "POST", "url": "/x", "json": {"n": 1}, **given})
        assert isinstance(inputs, BaseInputs), inputs
        where = Connection("crm", server.url, headers={"Authorization": "Bearer t0ken"})

        async def before(_: Guarantee) -> bool:
            return repeated

        return await attempt(action, inputs, HttpCall(self.client, where, EFFECT, self.seconds, before=before))


def answer(status: str = "200 OK", body: bytes = b"{}", **headers: str) -> bytes:
    """A whole answer; `_` in names of headers is `-`."""
    named = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body
