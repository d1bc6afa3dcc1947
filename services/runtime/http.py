"""Calls over HTTP: httpx as the API over aiohttp, with errors that say whether the request can have had its effect.

    CallError.sent        what is known             examples                                  repeat?
    Sent.NO               certainly not sent        no connection: refused, no name, TLS, time  always harmless
    Sent.EFFECT_POSSIBLE  the effect may be there   reset, no answer in time, half an answer  by the guarantee

Anything that the destination answered in full is no error here but an `Answer`, whatever its status.

Each call notes when it got a connection, so that the decision does not hang on the class of an exception alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import httpx

from contracts.errors import ErrorCode
from services.runtime.content_encoding import Unpacker, UnpackError
from services.runtime.egress import Egress, EgressDeniedError
from services.runtime.http_protocol import AnswerProtocol
from services.runtime.http_transport import AiohttpTransport, AnswerStream

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

# Shorter than any server's idle time (gunicorn 2 s, node 5 s): a request that meets a connection just being closed has
# an unknown outcome.
IDLE_SECONDS = 1.5
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 1.0
FIRST_ERROR_STATUS = 300  # or a redirect: none is followed
OUR_HEADERS = {"Accept": "*/*", "User-Agent": "closum-flows"}
# What servers send in earnest (a Content-Security-Policy, many cookies) is more than aiohttp takes by itself (8 KB).
HEADER_BYTES = 65_536
MOST_HEADERS = 1000
# The status of an error answer is what counts: its body is waited for as long as words of it are worth.
ERROR_BODY_SECONDS = 2.0


class Sent(StrEnum):
    """What is known of a call that has no answer."""

    NO = "no"
    EFFECT_POSSIBLE = "unknown"


class CallError(Exception):
    """A call without a usable answer. The text is for a person; it holds neither query nor credentials of the URL."""

    def __init__(self, code: ErrorCode, cause: str, sent: Sent) -> None:
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.sent = sent


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the destination said. Names of headers are in lower case; several values of one are joined by commas.

    The body of an error answer (status 300 and up) can be cut off or empty, as its status is what counts. One that
    came compressed is unpacked.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpCaller(Protocol):
    """Makes calls, as `Client` does."""

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
    ) -> HttpAnswer:
        """Make one call. Raises CallError."""
        ...


class _Attempt:
    """What is noted of the call at work in this task."""

    __slots__ = ("any_port", "connected", "denied", "host")

    def __init__(self, *, any_port: bool) -> None:
        self.host = ""
        self.any_port = any_port
        self.connected = False
        self.denied: EgressDeniedError | None = None


_ATTEMPT: ContextVar[_Attempt] = ContextVar("attempt")


class _Connector(aiohttp.TCPConnector):
    """Notes the host before, and success after, a connection is got.

    A kept connection on which something came that nobody asked for is not used again: it would be taken for the answer
    to the next request. A name whose addresses do not answer is looked up anew by the next call.
    """

    def __init__(self, **named: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(**named)
        self._factory = partial(AnswerProtocol, loop=self._loop)  # type: ignore[assignment]  # a subclass of theirs

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        attempt = _ATTEMPT.get()
        # Through a proxy it is the proxy's address that is connected to, and judged.
        attempt.host = (req.proxy or req.url).raw_host or ""
        try:
            connection = await super().connect(req, traces, timeout)
            while connection.protocol is not None and connection.protocol.should_close:
                connection.close()
                connection = await super().connect(req, traces, timeout)
        except (aiohttp.ClientConnectorError, TimeoutError, asyncio.CancelledError):
            with contextlib.suppress(KeyError):
                self.clear_dns_cache(attempt.host, (req.proxy or req.url).port)
            raise
        attempt.connected = True
        return connection


@lru_cache(4096)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


class Client:
    """Makes calls. One for a process: it keeps connections open between calls.

    `proxy` is an address of http; one of https is tunnelled through it. `tls` says who is trusted and who we are.

    No redirects, no cookies, no proxy or other settings from the environment but SSL_CERT_FILE and SSL_CERT_DIR, and
    never the same request twice by itself. Compressed answers are not asked for.
    """

    def __init__(
        self,
        egress: Egress,
        *,
        limit: int = 0,
        connect_seconds: float = CONNECT_SECONDS,
        max_answer_bytes: int = 1_048_576,
        resolver: aiohttp.abc.AbstractResolver | None = None,
        proxy: str | None = None,
        proxy_authentication: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._egress = egress
        self._limit = limit
        self._resolver = resolver
        self._tls = tls
        self._max_answer_bytes = max_answer_bytes
        self._proxy_headers: dict[str, str] = {}
        if proxy_authentication is not None:
            self._proxy_headers["Proxy-Authorization"] = aiohttp.encode_basic_auth(*proxy_authentication)
        self._transport = AiohttpTransport(
            self._session, connect_seconds=connect_seconds, proxy=proxy, proxy_headers=self._proxy_headers
        )

    def _session(self) -> aiohttp.ClientSession:
        def guard(info: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's own type is private to it
            attempt = _ATTEMPT.get()
            try:
                return self._egress.socket(attempt.host, info, any_port=attempt.any_port)
            except EgressDeniedError as error:
                attempt.denied = error
                raise

        session = aiohttp.ClientSession(
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            connector=_Connector(
                limit=self._limit,
                socket_factory=guard,
                ttl_dns_cache=30,
                keepalive_timeout=IDLE_SECONDS,
                ssl=self._tls or httpx.create_ssl_context(),
                resolver=self._resolver,
            ),
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            max_headers=MOST_HEADERS,
            skip_auto_headers=("Content-Type",),  # aiohttp would say octet-stream of a request without a body
        )
        # A PUT or DELETE on a kept connection would be repeated silently. aiohttp's own test client switches it off
        # by the same name; a contract test fails when it goes.
        session._retry_connection = False  # noqa: SLF001
        return session

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
    ) -> HttpAnswer:
        """Make one call, from connect to the answer's last byte within `seconds`. Raises CallError.

        Without `any_port` only ports of web servers are connected to: for addresses that a stranger may have chosen.
        """
        attempt = _Attempt(any_port=any_port)
        _ATTEMPT.set(attempt)
        # aiohttp sends those of a proxy with CONNECT only, so not where the proxy itself reads the request.
        more = self._proxy_headers if self._proxy_headers and url[:7].lower() == "http://" else {}
        try:
            request = httpx.Request(
                method,
                _parsed(url),
                headers={**_ours(headers), **headers, **more, "Accept-Encoding": "identity"},
                # Not `content`: httpx would then look for headers that aiohttp sets anyway, for 7 % of a call's CPU.
                stream=httpx.ByteStream(content or b""),
            )
            request.read()
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise CallError(ErrorCode.INPUT_INVALID, f"no valid request: {type(error).__name__}", Sent.NO) from None
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._exchange(request, limit)
        except (httpx.TransportError, TimeoutError) as error:
            # `from None`: the chain would carry the whole URL into a log.
            raise _classified(error, request, attempt, seconds) from None

    async def _exchange(self, request: httpx.Request, limit: asyncio.Timeout) -> HttpAnswer:
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, AnswerStream)  # noqa: S101 - the transport gives no other
        headers = _headers(response)
        body = bytearray()
        try:
            if response.status_code < FIRST_ERROR_STATUS:
                await self._read(stream, headers, body)
            else:
                # Its status is what counts, and was read: no deadline makes that undone.
                until = min(limit.when() or 0.0, asyncio.get_running_loop().time() + ERROR_BODY_SECONDS)
                limit.reschedule(None)
                with contextlib.suppress(httpx.TransportError, TimeoutError, UnpackError):
                    async with asyncio.timeout_at(until):
                        await self._read(stream, headers, body)
        except UnpackError as error:
            cause = f"{_address(request)}: the answer {error}"
            raise CallError(ErrorCode.ANSWER_INVALID, cause, Sent.EFFECT_POSSIBLE) from None
        finally:
            if not stream.ended:
                # After an error the deadline has struck already and would not strike again.
                with contextlib.suppress(TimeoutError, httpx.TransportError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await stream.aclose()
        return HttpAnswer(response.status_code, headers, bytes(body[: self._max_answer_bytes]))

    async def _read(self, stream: AnswerStream, headers: Mapping[str, str], body: bytearray) -> None:
        """Read the body. Raises UnpackError for one that is too large, or not what it says."""
        packed: Unpacker | None = None
        async for chunk in stream:
            if packed is None:
                packed = Unpacker(headers.get("content-encoding", "").strip().lower())
            body += packed.unpacked(chunk, self._max_answer_bytes + 1 - len(body))
            if len(body) > self._max_answer_bytes:
                raise UnpackError(f"is over {self._max_answer_bytes} bytes")
        if packed is not None and not packed.ended():
            raise UnpackError("ends before it is unpacked")


def _ours(given: Mapping[str, str]) -> dict[str, str]:
    """Our headers, but for those that a call gives itself in whatever case: each stands once."""
    names = {name.lower() for name in given}
    return {name: value for name, value in OUR_HEADERS.items() if name.lower() not in names}


def _headers(response: httpx.Response) -> dict[str, str]:
    """As a plain dictionary: httpx.Headers decodes all of them anew at each look."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _address(request: httpx.Request) -> str:
    """Method, host and path: no query, as API keys stand there."""
    url = request.url
    return f"{request.method} {url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}{url.path}"


def _classified(error: Exception, request: httpx.Request, attempt: _Attempt, seconds: float) -> CallError:
    """The one place where an error of the network gets its code."""
    address = _address(request)
    if isinstance(error, httpx.UnsupportedProtocol):
        return CallError(ErrorCode.INPUT_INVALID, f"{address}: not an address of http or https", Sent.NO)
    if attempt.denied is not None and not attempt.connected:
        return CallError(ErrorCode.EGRESS_DENIED, f"{address}: {attempt.denied.strerror}", Sent.NO)
    if not attempt.connected:
        return CallError(ErrorCode.CALL_REFUSED, f"{address}: no connection: {_detail(error, seconds)}", Sent.NO)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return CallError(
            ErrorCode.CALL_TIMED_OUT, f"{address}: no whole answer within {seconds:g} s", Sent.EFFECT_POSSIBLE
        )
    return CallError(
        ErrorCode.CALL_INTERRUPTED, f"{address}: the connection broke ({type(error).__name__})", Sent.EFFECT_POSSIBLE
    )


def _detail(error: Exception, seconds: float) -> str:
    """Why there is no connection."""
    match error.__cause__:
        case aiohttp.ClientConnectorDNSError():
            return "no such name"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() as reason:
            refused = getattr(reason, "certificate_error", None)
            return f"its certificate is refused: {refused}" if refused else f"no TLS: {reason.os_error}"
        case aiohttp.ClientConnectorError() as reason:
            number = reason.os_error.errno
            return os.strerror(number).lower() if number and number > 0 else str(reason.os_error)
        case aiohttp.ClientHttpProxyError() as reason:
            return f"the proxy answered {reason.status}"
    if isinstance(error, httpx.ConnectTimeout):
        return "it did not answer in time"
    return f"none could be had within {seconds:g} s" if isinstance(error, TimeoutError) else type(error).__name__
