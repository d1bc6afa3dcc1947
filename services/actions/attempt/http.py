"""The call that actions are given: base address, credentials and Idempotency-Key are added, the answer is judged."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError, DestinationReply, Query, RequestBody
from services.actions.addresses import ABSOLUTE, check_below, check_whole
from services.actions.answer_text import said
from services.actions.connections.answer_failure import FailureInside, failure_in
from services.actions.connections.connection import NOWHERE, Connection
from services.actions.http_statuses import CREDENTIALS, REDIRECTS, meaning_of, retry_after_seconds
from services.actions.journal.judge import WEAKEST
from services.actions.request_headers import request_headers
from services.closum.endpoint import Endpoint
from services.flows.catalogue import Guarantee
from services.flows.idempotency import ASSUMED, IdempotencyKey
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, HttpAnswer, HttpCaller, Sent

PLAIN_HOST = re.compile(r"[a-z0-9_.-]+")
SUCCESS = frozenset(range(200, 300))
UNAUTHORIZED = 401
MOVED = frozenset({301, 307, 308})
"""Redirects to another address of the same. 303 is to something else, and so is 302 where something was to be done:
many say "it is done, look there" by it (RFC 9110, 15.4.3)."""
FOUND, LOOKS = 302, frozenset({"GET", "HEAD"})
USER_INFO = re.compile(r"//[^/@]*@")

Before = Callable[[Guarantee], Awaitable[bool]]
"""Called when a request is about to leave, with the weakest guarantee so far. What it raises ends the attempt.

It answers whether an earlier request for the same effect may be at work still.
"""

Heard = Callable[[Mapping[str, str]], object]
"""Told the headers of each answer: what the destination says of its limits."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it leaves, but for credentials that change while the worker runs."""

    method: str
    address: str
    headers: dict[str, str] = field(repr=False)
    body: RequestBody | None
    guarantee: Guarantee
    accept: frozenset[int]


class HttpCall:
    """One attempt's call. See `services.actions.action_call.ActionCall` for the contract."""

    __slots__ = ("_before", "_client", "_connection", "_heard", "_repeated", "_seconds", "effect_id", "guarantee")

    def __init__(
        self,
        client: HttpCaller,
        connection: Connection | None,
        effect_id: str,
        seconds: float,
        *,
        before: Before | None = None,
        heard: Heard | None = None,
    ) -> None:
        self._client = client
        self._connection = connection or NOWHERE
        self._seconds = seconds
        self._before = before
        self._heard = heard
        self._repeated = False
        self.effect_id = effect_id
        self.guarantee: Guarantee | None = None

    @property
    def connection(self) -> str:
        """Its name."""
        return self._connection.name

    @property
    def idempotency(self) -> IdempotencyKey | None:
        """What the connection declares."""
        return self._connection.idempotency

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Those of the connection."""
        return self._connection.endpoints

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        guarantee: Guarantee,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: RequestBody | None = None,
        accept: frozenset[int] | None = None,
    ) -> DestinationReply:
        """Make the request."""
        address = address_of(self._connection, url, query)
        all_headers = headers_of(self._connection, headers, body, guarantee, self.effect_id)
        return await self._send(Request(method, address, all_headers, body, guarantee, accept or SUCCESS))

    async def _send(self, request: Request) -> DestinationReply:
        connection = self._connection
        credentials = None if connection.credentials is None else await connection.credentials.current()
        if credentials is not None:
            request.headers.update(credentials.headers)
        if self.guarantee is None or WEAKEST.index(request.guarantee) < WEAKEST.index(self.guarantee):
            if self._before is not None:
                self._repeated = await self._before(request.guarantee)
            self.guarantee = request.guarantee
        answer = await self._called(request, request.address)
        moved = answer.status in MOVED or (answer.status == FOUND and request.method in LOOKS)
        if moved and (there := with_its_slash(request.address, answer.headers)) is not None:
            # Nothing was done: the same request, with its body and our own query, and to nobody else.
            answer = await self._called(request, there)
        if self._heard is not None:
            self._heard(answer.headers)
        reply = _masked(answer, connection.mask, None if credentials is None else credentials.mask)
        inside = failure_in(reply.body, connection.failures) if reply.status in SUCCESS else None
        status = reply.status if inside is None else inside.status
        if credentials is not None and connection.credentials is not None:
            if status in CREDENTIALS:
                connection.credentials.refused(credentials, denied=status != UNAUTHORIZED)
            else:
                connection.credentials.accepted(credentials)
        if inside is None and reply.status in request.accept:
            return reply
        raise refusal(request.method, request.address, reply, inside, repeated=self._repeated)

    async def _called(self, request: Request, address: str) -> HttpAnswer:
        connection = self._connection
        content = b"" if request.body is None else request.body.content
        headers = request.headers
        if connection.signing is not None:
            headers = {**headers, **connection.signing.headers(request.method, address, self.effect_id, content)}
        try:
            return await (connection.client or self._client).call(
                request.method,
                address,
                headers=headers,
                content=None if request.body is None else content,
                seconds=self._seconds,
                any_port=bool(connection.base_url),
            )
        except CallError as error:
            cause = connection.mask.text(error.cause)
            raise CallFailedError(error.code, cause, effect_possible=error.sent is Sent.EFFECT_POSSIBLE) from None


def with_its_slash(address: str, headers: Mapping[str, str]) -> str | None:
    """Our own address with the slash at its path's end that a redirect is only about; None: it is about more.

    The query is ours, whatever the redirect says of it; another scheme, host or port is another destination.
    """
    asked = urlsplit(address)
    try:
        told = urlsplit(urljoin(address, headers.get("location", "")))
        elsewhere = (told.scheme, told.hostname, _port(told)) != (asked.scheme, asked.hostname, _port(asked))
    except ValueError:
        return None
    path = asked.path.removesuffix("/") if asked.path.endswith("/") else f"{asked.path}/"
    if elsewhere or told.path != path or told.username is not None or "location" not in headers:
        return None
    return asked._replace(path=path).geturl()


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def headers_of(
    connection: Connection,
    headers: Mapping[str, str] | None,
    body: RequestBody | None,
    guarantee: Guarantee,
    effect_id: str,
) -> dict[str, str]:
    """All headers of a request, but for credentials that change while the worker runs. Raises CallFailedError."""
    key = connection.idempotency or ASSUMED
    return request_headers(
        headers,
        {**connection.headers, **connection.more_headers},
        () if connection.signing is None else connection.signing.names,
        media_type=None if body is None else body.media_type,
        key=(key.header, key.value(effect_id)) if guarantee is Guarantee.KEYED else None,
    )


def address_of(connection: Connection, url: str, query: Query | None) -> str:
    """The whole address. Raises CallFailedError(INPUT_INVALID) for one that would leave the connection's."""
    path = url.partition("#")[0]
    if connection.base_url:
        if ABSOLUTE.match(path):
            return _with_query(_elsewhere(connection, path), query, connection.query)
        _checked(check_below, path)
        path = f"{connection.base_url}/{path.lstrip('/')}"
    else:
        _checked(check_whole, path)
    return _with_query(path, query, connection.query)


def _elsewhere(connection: Connection, url: str) -> str:
    """A whole address that the connection allows, such as of a file that its API points to. It gets the credentials.

    Over https at its usual port, and the host's spelling must leave no doubt.
    """
    _checked(check_whole, url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in connection.allowed_hosts)
    at_host = parts.scheme == "https" and parts.port in {None, 443} and PLAIN_HOST.fullmatch(host) and named
    if not at_host:
        raise _invalid(
            f"url: with the connection {connection.name!r} it is a path below {connection.base_url}"
            + (f", or an https address of {', '.join(connection.allowed_hosts)}" if connection.allowed_hosts else "")
        )
    return url


def _with_query(path: str, query: Query | None, own: str) -> str:
    given = _encoded(query)
    if own and (name := own.partition("=")[0]) in _names(path.partition("?")[2], given):
        raise _invalid(f"query: {unquote(name)!r} is the connection's own: leave it out of the step")
    more = [part for part in (given, own) if part]
    if not more:
        return path
    return f"{path}{'&' if '?' in path else '?'}{'&'.join(more)}"


def _names(*queries: str) -> set[str]:
    """The names in these, each written as a connection's own is."""
    return {quote(name, safe="") for query in queries for name, _ in parse_qsl(query, keep_blank_values=True)}


def _checked(rule: Callable[[str], None], url: str) -> None:
    try:
        rule(url)
    except ValueError as error:
        raise _invalid(str(error)) from None


def _encoded(query: Query | None) -> str:
    if not query:
        return ""
    return urlencode(
        {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}, doseq=True
    )


def _invalid(cause: str) -> CallFailedError:
    return CallFailedError(ErrorCode.INPUT_INVALID, cause)


def _masked(answer: HttpAnswer, *masks: Mask | None) -> DestinationReply:
    """The answer without the connection's secrets: some destinations repeat what they were sent."""
    headers, body = answer.headers, answer.body
    for mask in masks:
        if mask is not None:
            headers = {name: mask.text(value) for name, value in headers.items()}
            body = mask.content(body)
    return DestinationReply(answer.status, headers, body)


def refusal(
    method: str, address: str, reply: DestinationReply, inside: FailureInside | None = None, *, repeated: bool
) -> CallFailedError:
    """What an answer that is no success means for its call. `repeated`: an earlier request may be at work still.

    `inside`: the failure that a body of a success tells.
    """
    place = f"{method} {address.partition('?')[0]}"
    status = reply.status if inside is None else inside.status
    meaning = meaning_of(status, repeated=repeated)
    if reply.status in REDIRECTS:
        target = USER_INFO.sub("//", reply.headers.get("location", "nowhere").partition("?")[0])
        words = f"redirects are not followed, it points to {target!r}"
    else:
        words = said(reply.headers.get("content-type", ""), reply.text())
    return CallFailedError(
        meaning.code,
        f"{place}: HTTP {reply.status}{'' if inside is None else ', and its answer says a failure'}: {words}",
        effect_possible=meaning.effect_possible or (inside is not None and inside.partly),
        # Credentials are the connection's: they may be good again for the same call.
        retriable=True if status == UNAUTHORIZED else meaning.again,
        retry_after_seconds=retry_after_seconds(reply.headers),
        status=status,
    )
