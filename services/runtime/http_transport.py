"""aiohttp beneath httpx's Request and Response: nothing of a client's is between, and each error is the right one.

httpx's own transport costs ten times as much CPU a call. httpx-aiohttp costs a third more, and tells a connection that
was dropped after the request was read as one that was never made: see docs/decisions/httpx-over-aiohttp.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp
import httpx

HTTPX_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientOSError, httpx.NetworkError),
    (aiohttp.ClientPayloadError, httpx.ReadError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.TransportError),
)
"""What aiohttp raises as httpx's: the first that fits."""


def _as_httpx(error: Exception) -> httpx.TransportError:
    raised: type[httpx.TransportError] = next(to for known, to in HTTPX_ERRORS if isinstance(error, known))
    return raised(str(error))


class AnswerStream(httpx.AsyncByteStream):
    """The body as it comes. `ended`: all of it was read, and its connection is free for the next request."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be closed."""
        return self._answer.closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raise httpx.TransportError where the answer breaks off."""
        content = self._answer.content
        try:
            while chunk := await content.readany():
                yield chunk
        except aiohttp.ClientError as error:
            raise _as_httpx(error) from error

    async def aclose(self) -> None:
        """Give the connection back, or end it where the answer is not read. Twice is once."""
        self._answer.release()
        await self._answer.wait_for_close()


class AiohttpTransport(httpx.AsyncBaseTransport):
    """`session` makes the session at the first request, in its loop. `proxy_headers` go to the proxy with CONNECT."""

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        *,
        connect_seconds: float,
        proxy: str | None = None,
        proxy_headers: Mapping[str, str] | None = None,
    ) -> None:
        self._make = session
        self._session: aiohttp.ClientSession | None = None
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)
        self._proxy = proxy
        self._proxy_headers = proxy_headers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose body was read. Raises httpx.TransportError, whose cause is aiohttp's."""
        if self._session is None:
            self._session = self._make()
        try:
            answer = await self._session.request(
                request.method,
                str(request.url),
                # httpx has encoded them, so they are ASCII; its own mapping decodes each anew at each look.
                headers={name.decode("ascii"): value.decode("ascii") for name, value in request.headers.raw},
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
        except aiohttp.ClientError as error:
            raise _as_httpx(error) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=AnswerStream(answer), request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
