"""The call that actions are given: base address, credentials and Idempotency-Key are added, the answer is judged."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError, DestinationReply, Query, RequestBody
from services.actions.addresses import ABSOLUTE, check_below, check_whole
from services.actions.answer_text import said
from services.actions.connections.connection import Connection
from services.actions.endpoint import Endpoint
from services.actions.http_statuses import CREDENTIALS, code_of, effect_possible, retry_after_seconds
from services.actions.journal.judge import WEAKEST
from services.flows.catalogue import Guarantee
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, Client, HttpAnswer, Sent

PLAIN_HOST = re.compile(r"[a-z0-9_.-]+")
SUCCESS = frozenset(range(200, 300))
UNAUTHORIZED = 401
OPEN = Connection("", "")
"""No connection: whole addresses, no credentials."""


Before = Callable[[Guarantee], Awaitable[None]]
"""Called when a request is about to leave, with the weakest guarantee so far. What it raises ends the attempt."""

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

    __slots__ = ("_before", "_client", "_connection", "_heard", "_seconds", "effect_id", "guarantee")

    def __init__(
        self,
        client: Client,
        connection: Connection | None,
        effect_id: str,
        seconds: float,
        *,
        before: Before | None = None,
        heard: Heard | None = None,
    ) -> None:
        self._client = client
        self._connection = connection or OPEN
        self._seconds = seconds
        self._before = before
        self._heard = heard
        self.effect_id = effect_id
        self.guarantee: Guarantee | None = None

    @property
    def connection(self) -> str:
        """Its name."""
        return self._connection.name

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
        grant = None if connection.credentials is None else await connection.credentials.grant()
        if grant is not None:
            request.headers.update(grant.headers)
        if self.guarantee is None or WEAKEST.index(request.guarantee) < WEAKEST.index(self.guarantee):
            if self._before is not None:
                await self._before(request.guarantee)
            self.guarantee = request.guarantee
        try:
            answer = await (connection.client or self._client).call(
                request.method,
                request.address,
                headers=request.headers,
                content=None if request.body is None else request.body.content,
                seconds=self._seconds,
                any_port=bool(connection.base_url),
            )
        except CallError as error:
            cause = connection.mask.text(error.cause)
            raise CallFailedError(error.code, cause, effect_possible=error.sent is Sent.EFFECT_POSSIBLE) from None
        if self._heard is not None:
            self._heard(answer.headers)
        reply = _masked(answer, connection.mask, None if grant is None else grant.mask)
        if grant is not None and connection.credentials is not None:
            if reply.status in CREDENTIALS:
                connection.credentials.refused(grant, denied=reply.status != UNAUTHORIZED)
            else:
                connection.credentials.accepted(grant)
        if reply.status in request.accept:
            return reply
        raise _refused(request.method, request.address, reply)


def headers_of(
    connection: Connection,
    headers: Mapping[str, str] | None,
    body: RequestBody | None,
    guarantee: Guarantee,
    effect_id: str,
) -> dict[str, str]:
    """All headers of a request, but for credentials that change while the worker runs."""
    found = dict(headers) if headers else {}
    if body is not None:
        found.setdefault("Content-Type", body.media_type)
    if guarantee is Guarantee.KEYED:
        # A quoted string: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
        found["Idempotency-Key"] = f'"{effect_id}"'
    found.update(connection.headers)
    return found


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
    more = [part for part in (_encoded(query), own) if part]
    if not more:
        return path
    return f"{path}{'&' if '?' in path else '?'}{'&'.join(more)}"


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


def _refused(method: str, address: str, reply: DestinationReply) -> CallFailedError:
    place = f"{method} {address.partition('?')[0]}"
    if 300 <= reply.status < 400:  # noqa: PLR2004 - HTTP's own class
        words = (
            f"redirects are not followed, it points to {reply.headers.get('location', 'nowhere').partition('?')[0]!r}"
        )
    else:
        words = said(reply.headers.get("content-type", ""), reply.text())
    return CallFailedError(
        code_of(reply.status),
        f"{place}: HTTP {reply.status}: {words}",
        effect_possible=effect_possible(reply.status),
        # Credentials are the connection's: they may be good again for the same call.
        retriable=True if reply.status == UNAUTHORIZED else None,
        retry_after_seconds=retry_after_seconds(reply.headers.get("retry-after")),
        status=reply.status,
    )
