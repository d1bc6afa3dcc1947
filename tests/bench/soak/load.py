"""The load of a soak: five kinds of webhooks in fixed shares, from a fixed number of contacts, some sent twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp

ROUND = 100
SHARES = {"messages": 40, "leads": 27, "carts": 15, "orders": 8, "statuses": 10}
"""Of each 100."""
CONTACTS = 20_000
BEFORE = 3_015
"""An order comes so many events after the cart of the same contact, while that waits."""
TWICE_EVERY = 50
AT_ONCE = 64
TICK_SECONDS = 0.05
ACCEPTED = 202


def event(number: int) -> tuple[str, dict[str, Any]]:
    """The event with this number: its kind, and its body."""
    place, kind = number % ROUND, ""
    for kind, share in SHARES.items():  # noqa: B007 - the kind is used after the loop
        if place < share:
            break
        place -= share
    contact = (number - BEFORE if kind == "orders" else number) * 7919 % CONTACTS
    phone, email = f"+351 91 {contact + 1_000_000}", f"Pessoa.{contact}@Example.com"
    bodies: dict[str, dict[str, Any]] = {
        "messages": {"message_id": f"wamid.{number}", "from": phone, "text": f"Olá, oferta {number}?"},
        "leads": {"lead_id": f"l-{number}", "name": "Inês Conceição", "email": email, "mobile_number": phone},
        "carts": {"id": f"c-{number}", "phone": phone},
        "orders": {"id": f"o-{number}", "phone": phone, "email": email.lower()},
        "statuses": {"message_id": f"sms-{number}", "recipient": phone, "status": "delivered"},
    }
    return kind, bodies[kind]


class Load:
    """Sends to hooks and counts the answers."""

    def __init__(self, session: aiohttp.ClientSession, hooks: Mapping[str, str]) -> None:
        self._session = session
        self._hooks = hooks
        self._next = 0
        self.statuses: Counter[int] = Counter()

    @property
    def accepted(self) -> int:
        """How many were answered with 202."""
        return self.statuses[ACCEPTED]

    async def burst(self, amount: int) -> None:
        """So many as fast as they are taken."""
        end = self._next + amount

        async def sender() -> None:
            while self._next < end:
                await self._one()

        await asyncio.gather(*(sender() for _ in range(AT_ONCE)))

    async def steadily(self, rate: float, seconds: float) -> None:
        """So many a second for so long, whatever the answers take; at most as many at once as connections."""
        places = asyncio.Semaphore(AT_ONCE)
        begun, sent = time.monotonic(), 0

        async def one() -> None:
            try:
                await self._one()
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            while (now := time.monotonic() - begun) < seconds:
                while sent < now * rate:
                    await places.acquire()
                    group.create_task(one())
                    sent += 1
                await asyncio.sleep(TICK_SECONDS)

    async def _one(self) -> None:
        number, self._next = self._next, self._next + 1
        kind, body = event(number)
        for _ in range(2 if number % TWICE_EVERY == 0 else 1):
            async with self._session.post(self._hooks[kind], json=body) as answer:
                await answer.read()
                self.statuses[answer.status] += 1
