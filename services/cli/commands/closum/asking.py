"""Calls of a verification over HTTP: one after the other, waited for, with the key where it is to be tried."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

import orjson

from services.actions.attempt.http import with_its_slash
from services.actions.connections import Connection
from services.actions.http_statuses import REDIRECTS, retry_after_seconds
from services.closum.facts_form import KeyRow
from services.project.closum_answers import Seen, status_of
from services.project.closum_verify import Try
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, Client, HttpAnswer

SECONDS = 60.0
MOST_WAITS, LONGEST_WAIT = 6, 120.0
LIMITED = frozenset({429, 503})
BEARER = "Bearer "


class AwayError(Exception):
    """Nothing has answered. The text says why; nothing was written."""


class NoKeyError(Exception):
    """The connection has no key that could be tried at another place."""


def secret_of(connection: Connection) -> str:
    """The key of a connection, wherever it stands now. Raises NoKeyError."""
    if connection.query:
        return unquote(connection.query.partition("=")[2])
    found = next(iter(connection.headers.values()), "")
    if not found or found.startswith("Basic "):
        raise NoKeyError(f"connection {connection.name!r} has no key: authentication: {{ query: api-key, secret: … }}")
    return found.removeprefix(BEARER)


@dataclass
class Asker:
    """Makes the calls. `tell` is shown each before it is made; nothing that it is told holds the key."""

    client: Client
    connection: Connection
    tell: Callable[[str], None]
    limited: float | None = None
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=100))

    def __post_init__(self) -> None:
        """Raises NoKeyError."""
        self._secret = secret_of(self.connection)
        self._answered = False
        self.mask = Mask((self._secret,))

    async def through(self, asking: Generator[Try, Seen, Any]) -> None:
        """Make every call that is asked for, until there is none. Raises AwayError when the first has no answer."""
        try:
            step = next(asking)
            while True:
                step = asking.send(await self._ask(step))
        except StopIteration:
            return

    async def _ask(self, step: Try) -> Seen:
        request = step.request
        self.tell(f"{'WRITES' if step.changes else 'reads '}  {request.method} {request.path}   {step.says}")
        for turn in range(MOST_WAITS):
            if self.limited is not None:
                await asyncio.sleep(1 / self.limited)
            self._times.append(time.monotonic())
            answer = await self._call(step)
            if isinstance(answer, str):
                if not self._answered:
                    raise AwayError(answer)
                return Seen(0, {}, answer)
            self._answered = True
            seen = self._seen(answer)
            status = status_of(seen)
            if status not in LIMITED or turn == MOST_WAITS - 1:
                return seen
            asked = retry_after_seconds(answer.headers)
            wait = min(LONGEST_WAIT, 2.0**turn if asked is None else asked)
            last_second = sum(1 for at in self._times if at > time.monotonic() - 1.0)
            self.limited = max(1.0, min(self.limited or 1000.0, float(last_second - 1)))
            self.tell(f"        the account says {status}: waiting {wait:g} s")
            await asyncio.sleep(wait)
        raise AssertionError("the last turn answers")

    async def _call(self, step: Try) -> HttpAnswer | str:
        request = step.request
        headers, own = placed(step.key, self._secret)
        query = "&".join(filter(None, (urlencode(request.query or {}), own)))
        address = f"{self.connection.base_url}/{request.path.lstrip('/')}" + (f"?{query}" if query else "")
        if request.body is not None:
            headers["Content-Type"] = request.body.media_type
        content = None if request.body is None else request.body.content
        client = self.connection.client or self.client
        try:
            answer = await client.call(request.method, address, headers=headers, content=content, seconds=SECONDS)
            if answer.status in REDIRECTS and (there := with_its_slash(address, answer.headers)) is not None:
                answer = await client.call(request.method, there, headers=headers, content=content, seconds=SECONDS)
        except CallError as error:
            return self.mask.text(error.cause)
        return answer

    def _seen(self, answer: HttpAnswer) -> Seen:
        body = self.mask.content(answer.body)
        headers = {name: self.mask.text(value) for name, value in answer.headers.items()}
        try:
            return Seen(answer.status, headers, orjson.loads(body) if body.strip() else None)
        except orjson.JSONDecodeError:
            return Seen(answer.status, headers, body.decode("utf-8", "replace")[:2000])


def placed(key: KeyRow, secret: str) -> tuple[dict[str, str], str]:
    """Headers and query with the key at this place."""
    if key.bearer:
        return {"Authorization": f"{BEARER}{secret}"}, ""
    if key.header:
        return {key.header: secret}, ""
    return {}, f"{quote(key.query or '', safe='')}={quote(secret, safe='')}"
