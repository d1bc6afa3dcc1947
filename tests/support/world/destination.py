"""A destination in memory: what it was asked for, and what it answers, after how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from contracts.errors import ErrorCode
from services.runtime.http import CallError, Client, HttpAnswer, Sent


@dataclass
class Asked:
    """One request as it came in."""

    at: float
    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Says:
    """What it does: a status (0: it refuses, -1: it acts and cuts the connection), a moment later."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.01
    acts: bool = True


OK = Says()


class Destination(Client):
    """`says` decides on each request. `acted` are those that had their effect, in order."""

    def __init__(self, says: Callable[[Asked], Says] = lambda _: OK) -> None:
        self.says = says
        self.asked: list[Asked] = []
        self.acted: list[Asked] = []
        self.at_once = 0
        self.most_at_once = 0

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
        unpack: bool = False,
    ) -> HttpAnswer:
        """As the real one."""
        del any_port, unpack
        body: Any = orjson.loads(content) if content and content.startswith(b"{") else content
        asked = Asked(asyncio.get_running_loop().time(), method, url, headers, body)
        says = self.says(asked)
        if says.status == 0:
            await asyncio.sleep(says.seconds)
            raise CallError(ErrorCode.CALL_REFUSED, f"{url}: no connection", Sent.NO)
        self.asked.append(asked)
        if says.acts and (says.status < 300):
            self.acted.append(asked)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(says.seconds)
        except TimeoutError:
            raise CallError(ErrorCode.CALL_TIMED_OUT, f"{url}: no answer", Sent.EFFECT_POSSIBLE) from None
        finally:
            self.at_once -= 1
        if says.status < 0:
            raise CallError(ErrorCode.CALL_INTERRUPTED, f"{url}: cut", Sent.EFFECT_POSSIBLE)
        return HttpAnswer(says.status, says.headers, orjson.dumps(says.body))
