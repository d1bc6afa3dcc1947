"""Alive but not consuming: records wait and nothing moves. Then dump all stacks and end; a new process does better.

The bomb is `faulthandler.dump_traceback_later(exit=True)`: a thread of C that needs neither our event loop nor the GIL.
As long as all is well the fuse is laid anew. So a blocked event loop ends the process as surely as a stalled consumer.
"""

from __future__ import annotations

import asyncio
import faulthandler
import time
from collections.abc import Callable, Collection
from typing import Protocol

from aiokafka.errors import KafkaError

from contracts.topics import label
from services.runtime import logging, metrics
from services.runtime.health import Health
from services.runtime.kafka.group_offsets import PartitionProgress, TopicAndPartition

log = logging.get("watchdog")


class Asks(Protocol):
    """What knows how far the group is: `services.runtime.kafka.group_offsets.GroupOffsets` is one."""

    async def progress(self, partitions: Collection[TopicAndPartition]) -> dict[TopicAndPartition, PartitionProgress]:
        """The progress of some partitions."""
        ...


class Watchdog:
    """`moved` is to be called whenever something moves: a batch was finished, or the wait for a part is known."""

    def __init__(
        self,
        offsets: Asks,
        assigned: Callable[[], Collection[TopicAndPartition]],
        health: Health,
        seconds: float,
        *,
        light: Callable[[float], None] = lambda seconds: faulthandler.dump_traceback_later(seconds, exit=True),
    ) -> None:
        self._offsets = offsets
        self._assigned = assigned
        self._health = health
        self._seconds = seconds
        self._light = light
        self._moved = time.monotonic()
        self._shown: set[TopicAndPartition] = set()

    def moved(self) -> None:
        """Something moved just now."""
        self._moved = time.monotonic()
        self._health.turned()

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(min(2.0, self._seconds / 5))
        finally:
            faulthandler.cancel_dump_traceback_later()

    async def look(self) -> None:
        """Look once: lay the fuse anew unless records wait and nothing has moved since the last look."""
        waiting = await self._waiting()
        idle = time.monotonic() - self._moved
        if not waiting:
            self.moved()
            idle = 0.0
        elif idle > self._seconds / 2:
            log.warning("progress.missing", seconds=round(idle, 1), waiting=waiting, tasks=_tasks())
        if idle < self._seconds:
            # A little more than what is left: the next look comes first, unless the event loop is blocked.
            self._light(self._seconds - idle + min(5.0, self._seconds / 2))

    async def _waiting(self) -> dict[str, int]:
        """Records that wait, by partition; none when Kafka does not answer: then waiting is right."""
        partitions = set(self._assigned())
        try:
            async with asyncio.timeout(self._seconds / 3):
                seen = await self._offsets.progress(partitions)
        except (KafkaError, OSError, TimeoutError) as error:
            logging.failed(log, "lag.unknown", error)
            return {}
        self._show(seen)
        return {f"{topic}/{partition}": one.lag for (topic, partition), one in seen.items() if one.lag}

    def _show(self, seen: dict[TopicAndPartition, PartitionProgress]) -> None:
        for topic, partition in self._shown - set(seen):
            metrics.LAG.remove(label(topic), str(partition))
        for (topic, partition), progress in seen.items():
            metrics.LAG.labels(label(topic), str(partition)).set(progress.lag)
        self._shown = set(seen)


def _tasks() -> list[str]:
    """Where each asyncio task stands: its innermost frame of ours or of a library."""
    lines = []
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=1)
        if frames:
            lines.append(f"{task.get_name()} {frames[0].f_code.co_filename}:{frames[0].f_lineno}")
    return sorted(lines)
