"""A consumer in a group, as each service has one: it waits for its coordinator, and sees partitions that are added."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest

from services.runtime.kafka.membership import Assignor, Membership, Seen

COORDINATOR_SECONDS = 30.0
AGAIN_SECONDS = 0.1
NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""What a Kafka says that has just begun to keep groups, or has just moved them."""


class GroupConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped here
    """Takes what AIOKafkaConsumer takes, with a group."""

    def __init__(self, *, bootstrap_servers: str, group_id: str, **named: Any) -> None:  # noqa: ANN401 - aiokafka's own
        self._assignor = Assignor()
        super().__init__(
            bootstrap_servers=bootstrap_servers,
            group_id=group_id,
            partition_assignment_strategy=[self._assignor],
            **named,
        )
        self._bootstrap = bootstrap_servers
        self._membership: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError, as GroupCoordinatorNotAvailableError when no broker leads the group in time."""
        await coordinated(self._bootstrap, self._group_id)
        await super().start()
        self._membership = asyncio.create_task(Membership(self._seen, self.rejoin).run())

    async def stop(self) -> None:
        """Leave the group, and Kafka."""
        if self._membership is not None:
            self._membership.cancel()
            with suppress(asyncio.CancelledError):
                await self._membership
        await super().stop()

    def rejoin(self) -> None:
        """Have the group assigned anew."""
        self._assignor.differ()
        self._coordinator.request_rejoin()

    async def _seen(self) -> Seen | None:
        """Of the group, by what Kafka knows now. Also renews what this member knows of its topics, should it lead."""
        await self._client.force_metadata_update()
        coordinator, topics = self._coordinator, self._subscription.topics
        if coordinator.coordinator_id is None or not topics:
            return None
        request = DescribeGroupsRequest([self._group_id])
        answer = await self._client.send(coordinator.coordinator_id, request)
        _, _, state, _, _, members, *_ = answer.groups[0]
        if state != "Stable":
            return None
        taken: set[TopicPartition] = set()
        for member in members:
            if member[-1]:
                taken.update(ConsumerProtocol.ASSIGNMENT.decode(member[-1]).partitions())
        known = {
            TopicPartition(topic, partition)
            for topic in topics
            for partition in self._client.cluster.partitions_for_topic(topic) or ()
        }
        return Seen(coordinator.member_id == min((member[0] for member in members), default=""), len(known - taken))


async def coordinated(bootstrap: str, group: str) -> None:
    """Return when a broker leads the group and answers for it. Asking makes a new Kafka begin to keep groups.

    That takes it a second. aiokafka asks too, and logs a warning or an error for each "not yet". Raises KafkaError.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        async with asyncio.timeout(COORDINATOR_SECONDS):
            while True:
                try:
                    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
                    answer = await client.send(node, DescribeGroupsRequest([group]))
                    if (error := for_code(answer.groups[0][0])) is NoError:
                        return
                except KafkaError as raised:
                    error = type(raised)
                if error not in NOT_YET:
                    raise error(f"the coordinator of the group {group!r}")
                await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError:
        raise GroupCoordinatorNotAvailableError(f"no broker leads the group {group!r}") from None
    finally:
        await client.close()
