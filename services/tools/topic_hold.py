"""Holds a topic whose records all end as dead: after a wrong deploy they wait, instead of becoming dead letters.

It stands between Faust and the processor. What waits is not acknowledged, so a restart begins with it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from contracts.topics import Topic
from services.runtime.death_hold import TRIALS, DeathHold
from services.runtime.kafka import ConsumedRecord

LONGEST_SECONDS = 60.0  # a rebalance waits for the batch at hand
LOOK_SECONDS = 1.0

Handler = Callable[[Sequence[ConsumedRecord]], Awaitable[Sequence[bool]]]
"""Takes a batch; for each record, whether nothing came of it but dead letters."""


class TopicHeldError(Exception):
    """The topic is held."""


class TopicHold:
    """`on_wait` is called while records wait: that is no stall."""

    def __init__(self, topic: Topic, handler: Handler, guard: DeathHold, on_wait: Callable[[], object]) -> None:
        self._topic = topic.name
        self._handler = handler
        self._guard = guard
        self._on_wait = on_wait

    async def take(self, records: Sequence[ConsumedRecord]) -> None:
        """Return when all of them are done, however long they are held."""
        left = records
        while left:
            while (wait := self._guard.held(self._topic)) > 0:
                self._on_wait()
                await asyncio.sleep(min(wait, LOOK_SECONDS))
            tried = self._guard.holds(self._topic)
            part = left[:TRIALS] if tried else left
            began = self._guard.now()
            dead = await self._handler(part)
            for died in [all(dead)] if tried else dead:
                self._guard.ended(self._topic, dead=died, began=began)
            left = left[len(part) :]

    async def healthy(self) -> None:
        """For /readyz. Raises TopicHeldError while the topic is held."""
        if self._guard.holds(self._topic):
            raise TopicHeldError("held: its records all end as dead. `flows dead list` says why; see docs/delivery.md")
