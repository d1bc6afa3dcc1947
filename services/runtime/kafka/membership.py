"""Every partition is somebody's: a group that leaves some to nobody is assigned anew.

The group does not find out by itself. aiokafka looks for new partitions every five minutes, and only in the member that
leads the group. A leader with an instance id that restarts gets its place back, and is not told that it leads
(https://cwiki.apache.org/confluence/display/KAFKA/KIP-814): then nobody looks any more. And a group that forms while
Kafka is starting can be assigned nothing at all. So each member asks Kafka itself.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError

from services.runtime import logging

log = logging.get("membership")
LOOK_SECONDS = 5.0
LOOKS = 2
"""So many looks after one another find the same: what Kafka says of a moment between two assignments is no reason."""
LOOKS_OF_OTHERS = 4
"""One member acts, the first by its id; the others when it does not."""


class Assignor(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped here
    """aiokafka's, under its name. One a consumer: it makes the group be assigned anew when its member joins again.

    A member of a stable group that joins again as it was is given by Kafka what it had. Only the leader, or one that
    says something new of itself, has all of them join.
    """

    def __init__(self) -> None:
        self._mark = b""

    def differ(self) -> None:
        """Say something new of the member when it joins again."""
        self._mark = uuid.uuid4().bytes

    def metadata(self, topics: Collection[str]) -> ConsumerProtocolMemberMetadata:
        """What the member says of itself."""
        return ConsumerProtocolMemberMetadata(self.version, list(topics), self._mark)


@dataclass(frozen=True, slots=True)
class Seen:
    """A stable group: whether this member is its first, and how many partitions are nobody's."""

    first: bool
    nobodys: int


class Membership:
    """`ask`: how the group is; None while it is not stable. `rejoin`: have it assigned anew."""

    def __init__(self, ask: Callable[[], Awaitable[Seen | None]], rejoin: Callable[[], object]) -> None:
        self._ask = ask
        self._rejoin = rejoin
        self._looks = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once. Kafka away is somebody else's to tell."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                seen = await self._ask()
        except (KafkaError, OSError, TimeoutError):
            seen = None
        self._looks = self._looks + 1 if seen is not None and seen.nobodys else 0
        if seen is not None and self._looks >= (LOOKS if seen.first else LOOKS_OF_OTHERS):
            log.info("assignment.renewed", partitions_of_nobody=seen.nobodys)
            self._looks = 0
            self._rejoin()
