"""Kafka in memory, as services/actions uses it: a consumer in a group, and a producer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from contracts.topics import Topic
from services.runtime.kafka import Headers
from tests.support.world.faults import NONE, Faults


class Stored(NamedTuple):
    """A record, with the names that aiokafka gives its parts."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass
class Broker:
    """Its records, and what the one group has committed. While it is `away` nobody gets any."""

    records: dict[TopicPartition, list[Stored]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Append a record."""
        place = TopicPartition(topic, partition)
        self.records[place].append(Stored(topic, partition, len(self.records[place]), key, value, tuple(headers or ())))
        self.arrived.set()

    def left(self, topic: str) -> int:
        """Records of a topic that are not committed."""
        return sum(
            len(records) - self.committed.get(place, 0)
            for place, records in self.records.items()
            if place.topic == topic
        )


class FakeConsumer:
    """One member. Who tests it assigns: `assign`, which gives up what it had before."""

    def __init__(self, broker: Broker, faults: Faults = NONE) -> None:
        self._broker = broker
        self._faults = faults
        self._listener: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self.expelled = False  # the group goes on without it, and it does not know yet

    @property
    def has(self) -> list[TopicPartition]:
        """What it was assigned."""
        return sorted(self._positions)

    def subscribe(self, topics: Sequence[str], listener: Any) -> None:
        """As aiokafka's."""
        del topics
        self._listener = listener

    async def assign(self, places: Collection[TopicPartition]) -> None:
        """It has these from now on. Returns once its listener was told."""
        await self.give_up()
        await self.take_over(places)

    async def listens(self) -> None:
        """Returns once it has subscribed."""
        while self._listener is None:
            await asyncio.sleep(0.01)

    async def give_up(self) -> None:
        """It is told that it has nothing any more. Until it has taken note of that, it may commit."""
        await self.listens()
        await self._listener.on_partitions_revoked(set(self._positions))
        self._positions = {}

    async def take_over(self, places: Collection[TopicPartition]) -> None:
        """It is told that it has these, each from its committed offset on."""
        self._positions = {place: self._broker.committed.get(place, 0) for place in sorted(places)}
        self._paused.clear()
        await self._listener.on_partitions_assigned(list(self._positions))

    def paused(self) -> set[TopicPartition]:
        """As aiokafka's."""
        return set(self._paused)

    def pause(self, *places: TopicPartition) -> None:
        """As aiokafka's."""
        self._paused |= set(places)

    def resume(self, *places: TopicPartition) -> None:
        """As aiokafka's."""
        self._paused -= set(places)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Stored]]:
        """What comes next, at most so many; after the time, nothing."""
        await self._faults.before("kafka.getmany")
        if (found := self._fetched(max_records)) is None:
            self._broker.arrived.clear()
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._broker.arrived.wait()
            except TimeoutError:
                pass
            found = self._fetched(max_records)
        return found or {}

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Of partitions that it has. Raises CommitFailedError when the group goes on without it."""
        async with self._faults.around("kafka.commit"):
            if self.expelled:
                raise CommitFailedError("the group goes on without this member")
            for place, position in positions.items():
                if place in self._positions:
                    self._broker.committed[place] = position

    def _fetched(self, most: int) -> dict[TopicPartition, list[Stored]] | None:
        found: dict[TopicPartition, list[Stored]] = {}
        if self._broker.away:
            return None
        for place, position in self._positions.items():
            if place not in self._paused and (records := self._broker.records[place][position : position + most]):
                found[place] = records
                self._positions[place] += len(records)
                most -= len(records)
        return found or None


class FakeProducer:
    """As `services.runtime.kafka.Producer`: what it has acknowledged is in the broker, in one partition a topic."""

    def __init__(self, broker: Broker, faults: Faults = NONE) -> None:
        self._broker = broker
        self._faults = faults
        self.generation = 0

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Acknowledged at once."""
        async with self._faults.around("kafka.send"):
            self._broker.put(topic.name, 0, key, value, headers)
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def renew(self, generation: int) -> None:
        """Begin anew."""
        del generation
        self.generation += 1
