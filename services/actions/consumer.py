"""The consuming loop: poll, assign, commit. What is taken and when it is finished is the queue's.

What is taken and not finished is never committed. So whatever ends this process, the next one does it again: at least
once. When partitions are given up, what is at work is finished first, and what is not begun is left to the next owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import ACTIONS
from services.actions import metrics
from services.actions.queue.assignment import Assignments
from services.actions.queue.queue import Queue
from services.actions.world import REAL, World
from services.runtime import logging
from services.runtime.kafka import ConsumedRecord

log = logging.get("consumer")
GROUP = "actions"
POLL_MS = 200
# One poll's records are decoded in one go: few enough not to hold up the calls at work.
POLL_RECORDS = 200
COMMIT_EVERY_SECONDS = 0.5
COMMIT_SECONDS = 5.0


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """One process's part of the group. `moved` is called whenever something moves."""

    def __init__(
        self,
        kafka: AIOKafkaConsumer,
        topic: str,
        queue: Queue,
        assignments: Assignments,
        *,
        drain_seconds: float,
        moved: Callable[[], object],
        world: World = REAL,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._queue = queue
        self._assignments = assignments
        self._drain_seconds = drain_seconds
        self._moved = moved
        self._world = world
        self._committed: dict[TopicPartition, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is at work within `drain_seconds`. Raises for a bug."""
        self._kafka.subscribe([self._topic], listener=self)
        self._queue.begin()
        committed = self._world.now()
        try:
            while not stop.is_set():
                await self._turn()
                if self._world.now() - committed > COMMIT_EVERY_SECONDS:
                    await self._commit()
                    committed = self._world.now()
            await self._drain()
        finally:
            await self._queue.close()

    async def _turn(self) -> None:
        self._queue.turn()
        self._throttle()
        taken = await self._kafka.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        for place, records in taken.items():
            self._queue.take(place, [_record(one) for one in records])
        if taken or self._queue.waits_rightly():
            self._moved()

    def _throttle(self) -> None:
        """Pause all partitions when too much is held, resume them when there is room. Polling goes on."""
        paused = self._kafka.paused()
        ours = {TopicPartition(*one.place): one for one in self._assignments}
        if self._queue.full:
            self._kafka.pause(*(place for place in ours if place not in paused))
        elif self._queue.has_room:
            # Not those whose parked lanes are not known yet.
            ready = [place for place in paused if place not in ours or ours[place].entering is None]
            self._kafka.resume(*ready)
        metrics.PARTITIONS_PAUSED.set(len(self._kafka.paused()))

    async def _commit(self) -> None:
        """Commit what is finished. When it cannot be, a later time does it, or the next owner does the work again."""
        positions = {
            place: position
            for one in self._assignments
            if (position := one.offsets.position) is not None
            and position != self._committed.get(place := TopicPartition(*one.place))
        }
        if not positions:
            return
        try:
            # aiokafka tries again for ever: https://github.com/aio-libs/aiokafka/issues/1017
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._kafka.commit(positions)
        except (KafkaError, OSError, TimeoutError) as error:
            logging.failed(log, "commit.failed", error)
        else:
            self._committed.update(positions)

    async def _drain(self) -> None:
        """Begin nothing new, finish what is at work, commit."""
        left = self._queue.drain()
        finished = await self._queue.settled(self._drain_seconds)
        await self._commit()
        left += self._queue.pending if finished else 0
        log.info("consumer.drained", finished=finished, left_to_the_next=left)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give up partitions: finish what is at work for them, commit, forget the rest."""
        places = set(revoked)
        if not places:
            return
        gone = self._queue.begin_leaving(places)
        finished = await self._queue.settled(self._queue.longest_seconds)
        await self._commit()
        self._queue.leave(gone)
        for place in places:
            self._committed.pop(place, None)
        log.info("partitions.revoked", partitions=sorted(place.partition for place in places), finished=finished)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take over partitions, each from its committed offset on."""
        places = list(assigned)
        self._kafka.pause(*places)  # until their parked lanes are known
        self._queue.assigned(places)
        log.info("partitions.assigned", partitions=sorted(place.partition for place in places))


def _record(taken: ConsumerRecord) -> ConsumedRecord:
    headers = list(taken.headers or ())
    return ConsumedRecord(ACTIONS, taken.topic, taken.partition, taken.offset, taken.key, taken.value, headers)
