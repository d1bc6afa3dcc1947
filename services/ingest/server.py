"""granian inside our own event loop: one process, HTTP/1.1, no websockets, no access log (a path can hold a token)."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import Awaitable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server as Granian
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime import logging
from services.runtime.settings import SettingsError

# granian sets up the standard library's logging when it is made; this leaves its records to our own handler.
LOGGERS: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}
BACKLOG = 1024
IDLE_CONNECTIONS = 10_000
LARGEST_HEAD = 32_768
"""Of request line and headers, as nginx takes them. Every connection can hold as much without having said who it is, so
that this, and not what a head is for, is the bound; granian's own would be 4,096 bytes a hundred times."""
OTHER_FILES = 256
"""What we have open beside connections of senders: to Kafka and PostgreSQL, logs, what answers health checks."""
QUIET_SECONDS = 0.5
"""Who is silent for longer may meet a connection that is just being closed (RFC 9112, 9.6): see `Server.stop`."""
LEAVING_SECONDS = 2.0
LOOK_SECONDS = 0.02
CLOSE = (b"connection", b"close")

log = logging.get("http")


class HttpServer:
    """An HTTP server that finishes what it has begun."""

    def __init__(self, app: ASGIApp, host: str, port: int, max_in_flight: int, keep_alive_seconds: float) -> None:
        self.address = reserve(host, port)
        self._app = app
        self._begun = 0
        self._leaving = False
        self._granian = Granian(
            self._answer,
            address=self.address[0],
            port=self.address[1],
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            # One timer for both: how long a connection is idle, and how long a head may take. It holds no more than a
            # connection meanwhile: https://github.com/hyperium/hyper/pull/3828
            http1_settings=HTTP1Settings(
                header_read_timeout=round(keep_alive_seconds * 1000), max_buffer_size=LARGEST_HEAD
            ),
            websockets=False,
            backlog=BACKLOG,
            # A connection holds its place while it is idle; the bound on requests is ours, and answers 503.
            backpressure=connections(max_in_flight + IDLE_CONNECTIONS),
            log_level=LogLevels.error,
            log_dictconfig=LOGGERS,
        )
        self._serving: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Listen until `stop`. Raises RuntimeError when the server ends by itself."""
        self._serving = asyncio.create_task(self._granian.serve())
        await asyncio.shield(self._serving)
        raise RuntimeError("the HTTP server ended by itself")

    async def stop(self, within_seconds: float) -> bool:
        """Tell senders to go, refuse new connections, finish the requests at work; False when some were cut off.

        granian closes each connection on which no request is at work, also under a request that is just on its way. So
        first each answer says `Connection: close`, until no request has come for QUIET_SECONDS, and at most for
        LEAVING_SECONDS: who keeps sending on one connection is told, and is not cut.
        """
        if self._serving is None:
            return True
        clock = asyncio.get_running_loop().time
        end = clock() + within_seconds
        self._leaving = True
        await self._quiet(min(LEAVING_SECONDS, within_seconds / 2))
        self._granian.stop()
        done, _ = await asyncio.wait({self._serving}, timeout=end - clock())
        return bool(done)

    async def _quiet(self, most_seconds: float) -> None:
        """Wait until no request has begun for QUIET_SECONDS."""
        clock = asyncio.get_running_loop().time
        begun, since = self._begun, clock()
        end = since + most_seconds
        while clock() < min(end, since + QUIET_SECONDS):
            await asyncio.sleep(LOOK_SECONDS)
            if self._begun != begun:
                begun, since = self._begun, clock()

    def _answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """The application. No coroutine of its own: each request passes here."""
        self._begun += 1
        return self._app(scope, receive, _closing(send) if self._leaving else send)


def _closing(send: Send) -> Send:
    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await send(message)

    return close


def connections(wanted: int) -> int:
    """So many as are wanted, or as the system lets one process have: those over it wait until others end.

    The soft limit of open files, often 1,024, is raised as far as we need and may. Otherwise whoever opens that many
    connections and is silent shuts out everybody.
    """
    needed = wanted + OTHER_FILES
    files = _open_files(needed)
    if files < needed:
        log.warning(
            "connections.bounded",
            connections=max(1, files - OTHER_FILES),
            cause=f"this process may open {files} files",
            remedy=f"raise its limit (ulimit -n, LimitNOFILE=) to {needed}",
        )
    return max(1, files - OTHER_FILES)


def _open_files(needed: int) -> int:
    """How many this process may open, of so many that are needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # macOS says that there is no hard limit, and has one
        return soft
    return most


def reserve(host: str, port: int) -> tuple[str, int]:
    """The numeric address to listen on; port 0 becomes a free one.

    Raises SettingsError. Asked here because granian sets SO_REUSEPORT: a second server on the same port would start and
    quietly take half of the connections.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingsError(f"FLOWS_INGEST_HOST={host!r}: no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                remedy = "another program listens there: end it, or choose another port"
                raise SettingsError(f"FLOWS_INGEST_PORT={port}: {remedy}") from None
            raise SettingsError(f"FLOWS_INGEST_HOST={host!r} FLOWS_INGEST_PORT={port}: {error.strerror}") from None
        found = probe.getsockname()
    return str(found[0]), int(found[1])
