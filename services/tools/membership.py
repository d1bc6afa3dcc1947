"""A worker that was assigned nothing asks again, while records wait that nobody takes.

aiokafka assigns what it knows of the topics at that moment. A group that forms while Kafka is starting can be assigned
nothing at all, and then stays so: alive, ready, and idle. A worker that is one too many is left alone: others move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from aiokafka.errors import KafkaError

from services.runtime import logging
from services.runtime.offsets import Place, Progress

log = logging.get("membership")
LOOK_SECONDS = 5.0


class Membership:
    """`ask`: how far the whole group is. `rejoin`: have the group assigned anew."""

    def __init__(
        self,
        assigned: Callable[[], Collection[Place]],
        ask: Callable[[], Awaitable[dict[Place, Progress]]],
        rejoin: Callable[[], object],
    ) -> None:
        self._assigned = assigned
        self._ask = ask
        self._rejoin = rejoin
        self._before: dict[Place, int] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once. Asks for an assignment when, since the last look, records waited and nobody moved."""
        before, self._before = self._before, None
        if self._assigned():
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                seen = await self._ask()
        except (KafkaError, OSError, TimeoutError):
            return  # Kafka is away: that is somebody else's to tell
        if not any(progress.lag for progress in seen.values()):
            return
        stands = {place: progress.committed for place, progress in seen.items()}
        if stands == before:
            log.warning("assignment.missing", waiting=sum(progress.lag for progress in seen.values()))
            self._rejoin()
        else:
            self._before = stands
