"""A TCP proxy of which each connection can be cut, delayed, or left half open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
CHUNK = 65_536


@dataclass
class Link:
    """From a port of its own to the port of a part. `port` is kept over all its troubles."""

    target: int
    port: int = 0
    delay_seconds: float = 0.0
    _open: set[_Connection] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _silent: bool = False

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, self.port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Reset what is connected, and refuse what comes."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._reset()

    async def mend(self) -> None:
        """End all that was done to it. What was half open is reset: the other side knows nothing of it any more."""
        self.delay_seconds = 0.0
        if self._silent:
            self._silent = False
            self._reset()
        if self._server is None:
            await self.start()

    def half_open(self) -> None:
        """From now on nothing arrives, in no direction, not even an end; what connects is connected to nobody."""
        self._silent = True

    async def close(self) -> None:
        """Leave nothing open."""
        await self.cut()
        await asyncio.gather(*(one.task for one in self._open if one.task), return_exceptions=True)

    def _reset(self) -> None:
        for one in self._open:
            one.reset()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = _Connection([writer], asyncio.current_task())
        self._open.add(one)
        try:
            there_reader, there = await asyncio.open_connection(LOOPBACK, self.target, limit=CHUNK)
            one.writers.append(there)
            await asyncio.gather(self._pump(reader, there), self._pump(there_reader, writer))
        except (OSError, RuntimeError, asyncio.CancelledError):  # uvloop's word for a side that is closed already
            one.abort()
        finally:
            self._open.discard(one)
            for each in one.writers:
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            if self._silent:
                continue
            writer.write(data)
            await writer.drain()
        while self._silent:  # noqa: ASYNC110 - nor is an end told
            await asyncio.sleep(0.05)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    task: asyncio.Task[None] | None

    def reset(self) -> None:
        """End it with RST on both sides."""
        for writer in self.writers:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        """End it now, whatever is buffered."""
        for writer in self.writers:
            writer.transport.abort()
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
