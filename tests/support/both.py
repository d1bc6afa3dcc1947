"""Tools and actions together at work on a real Kafka and PostgreSQL, and whom they call: two calls an event."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from services.runtime.settings import RuntimeSettings
from tests.support import actions, batches
from tests.support.actions import Worker, worker
from tests.support.closum import Closum, closum
from tests.support.tools_process import ToolsProcess, send, stack

FLOW = f"""
flow: twice
description: Two calls, the second with what the first one gave.
on: {batches.TRIGGER}
steps:
  - id: crm
    action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ phone: "+351912345678", n: "${{ trigger.message_id }}" }} }}
  - action: http.request
    connection: crm
    with:
      method: POST
      url: /contacts
      json: {{ phone: "+351912345678", n: "${{ trigger.message_id }}", second: "${{ crm.status }}" }}
"""
SECONDS = 60


@dataclass
class Both:
    """Both services, and the stand-in."""

    tools: ToolsProcess
    worker: Worker
    stand_in: Closum
    settings: RuntimeSettings
    sent: int = 0

    def start(self) -> None:
        """Both."""
        self.tools.start()
        self.worker.start()

    def stop(self) -> None:
        """Both, cleanly."""
        assert self.tools.stop() == 0, self.logged()[-3000:]
        assert self.worker.stop() == 0, self.logged()[-3000:]

    def logged(self) -> str:
        """By both."""
        return self.tools.log.read_text() + self.worker.logged()

    async def send(self, count: int, contacts: int = 7) -> set[str]:
        """So many events of so many contacts; their numbers."""
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        source = f"/{self.settings.topic_prefix}"
        await send(self.settings, [batches.event(n, source=source, subject=f"contact-{n % contacts}") for n in numbers])
        return {str(number) for number in numbers}

    async def through(self, count: int) -> None:
        """Send so many events, and wait until each has led to both of its calls."""
        await self.ended(await self.send(count))

    async def ended(self, wanted: set[str], seconds: float = SECONDS) -> None:
        """Wait until these have led to both of their calls; the processes live."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while wanted - self.seen():  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
        assert not wanted - self.seen(), (len(wanted - self.seen()), self.logged()[-6000:])
        for process in (self.tools.process, self.worker.process):
            assert process is not None
            assert process.poll() is None, self.logged()[-3000:]

    def seen(self) -> set[str]:
        """The events whose second call was made."""
        return {body["n"] for body in self.bodies() if "second" in body}

    def bodies(self) -> list[dict[str, str]]:
        """Of all calls that had an effect."""
        return [effect["body"] for effect in self.stand_in.state("effects")]


@contextlib.asynccontextmanager
async def both(
    bootstrap: str, database: str, prefix: str, folder: Path, partitions: int = 2, **variables: str
) -> AsyncIterator[Both]:
    """Ready to be started."""
    async with (
        stack(bootstrap, database, prefix, folder, FLOW, partitions=partitions) as tools,
        actions.kafka(bootstrap, prefix, partitions=partitions) as topics,
    ):
        with closum() as stand_in, worker(topics, folder, stand_in.url, database, **variables) as one:
            yield Both(tools, one, stand_in, tools.settings)
