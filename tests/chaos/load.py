"""Senders who keep an account of what they were told. Each sends a contact's next event when the last was accepted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson

from tests.chaos.plan import Plan

KINDS = ("order", "message", "note", "cart", "batch", "ping")
SENDERS = 24
REQUEST_SECONDS = 6.0
AGAIN_SECONDS = 0.2
TWICE_EVERY = 10
PROBES = 1_000_000
"""Numbers from here on are probes: they come while the load is still on its way, and have no place in its order."""
ACCEPTED, UNAVAILABLE = 202, 503
CLEAR = (b'"code":"kafka_unavailable"', b'"code":"overloaded"')


@dataclass(frozen=True, slots=True)
class Sent:
    """One event that was accepted, `at` by time.time()."""

    kind: str
    contact: str
    n: int
    at: float


@dataclass
class Account:
    """What senders were told."""

    accepted: dict[str, Sent] = field(default_factory=dict)
    """By the event's id."""
    statuses: Counter[str] = field(default_factory=Counter)
    unclear: list[str] = field(default_factory=list)


class Load:
    """`urls`: of each kind, its hook at each gateway."""

    def __init__(self, urls: Mapping[str, Sequence[str]], session: aiohttp.ClientSession) -> None:
        self.account = Account()
        self._urls = urls
        self._session = session

    async def run(self, plan: Plan, stopped: Callable[[], bool]) -> None:
        """All events of a plan, spread over its time; later where they are not accepted. `stopped` gives it up."""
        begun, pace = time.monotonic(), plan.seconds / plan.events
        senders = min(SENDERS, plan.contacts)

        async def sender(first: int) -> None:
            # Contact `number % contacts`, so one contact's events all come from one sender, in order.
            for number in (one for one in range(plan.events) if one % plan.contacts % senders == first):
                await asyncio.sleep(max(0.0, begun + number * pace - time.monotonic()))
                if stopped():
                    return
                await self.send(
                    KINDS[number // plan.contacts % len(KINDS)], f"c{number % plan.contacts}", number, stopped
                )

        await asyncio.gather(*(sender(first) for first in range(senders)))

    async def send(self, kind: str, contact: str, number: int, stopped: Callable[[], bool]) -> str | None:
        """Until it is accepted, by whichever gateway; its id. Each tenth is sent once more."""
        body = orjson.dumps({"id": f"{kind}-{number}", "contact": contact, "n": number})
        attempt = number
        while not stopped():
            identity = await self._post(self._url(kind, attempt), body)
            if identity is not None:
                self.account.accepted[identity] = Sent(kind, contact, number, time.time())
                if number % TWICE_EVERY == 0:
                    await self._post(self._url(kind, attempt + 1), body)
                return identity
            attempt += 1
            await asyncio.sleep(AGAIN_SECONDS)
        return None

    def _url(self, kind: str, attempt: int) -> str:
        urls = self._urls[kind]
        return urls[attempt % len(urls)]

    async def _post(self, url: str, body: bytes) -> str | None:
        account = self.account
        try:
            async with self._session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                said = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            account.statuses[type(error).__name__] += 1
            return None
        account.statuses[str(answer.status)] += 1
        if answer.status == ACCEPTED:
            return str(orjson.loads(said)["id"])
        clear = answer.status == UNAVAILABLE and "Retry-After" in answer.headers and any(one in said for one in CLEAR)
        if not clear:
            account.unclear.append(f"{answer.status} {said[:200]!r}")
        return None
