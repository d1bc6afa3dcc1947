"""Sending the events to the hooks, as Closum and a form would: by HTTP, several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import httpx

from services.cli.commands.demo.events import Sending
from services.cli.terminal import CommandError

AT_ONCE = 10
ACCEPTED = 202


async def send(
    sendings: Sequence[Sending], hooks: Mapping[str, str], sent: Callable[[int], object]
) -> dict[str, Sending]:
    """Send all of them; the answer is each accepted event's id with what was sent. `sent` hears how many are through.

    Raises CommandError when one is not accepted.
    """
    accepted: dict[str, Sending] = {}

    async def one(client: httpx.AsyncClient, sending: Sending) -> None:
        answer = await client.post(hooks[sending.source], json=sending.body)
        if answer.status_code != ACCEPTED:
            raise CommandError(f"ingest answered {answer.status_code} to an event of {sending.source!r}: {answer.text}")
        accepted[str(answer.json()["id"])] = sending

    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        try:
            for first in range(0, len(sendings), AT_ONCE):
                batch = sendings[first : first + AT_ONCE]
                await asyncio.gather(*(one(client, sending) for sending in batch))
                sent(first + len(batch))
        except httpx.HTTPError as error:
            raise CommandError(f"ingest did not answer: {type(error).__name__} {error}") from None
    return accepted
