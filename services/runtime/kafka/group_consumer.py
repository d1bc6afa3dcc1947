"""A consumer in a group, as each service has one: it waits for its coordinator, and sees partitions that are added."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import CoordinationType
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

from services.runtime import logging
from services.runtime.kafka.brokers import Client
from services.runtime.kafka.membership import Assignor, Membership, Seen

log = logging.get("membership")
COORDINATOR_SECONDS = 30.0
UUID_CHARACTERS = 37  # with the hyphen before it
AGAIN_SECONDS = 0.1
STOP_SECONDS = 3.0
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
        self._instance: str | None = named.get("group_instance_id")
        self._membership: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError, as GroupCoordinatorNotAvailableError when no broker leads the group in time."""
        await coordinated(self._bootstrap, self._group_id)
        await super().start()
        self._membership = asyncio.create_task(Membership(self._seen, self.rejoin).run())

    async def stop(self) -> None:
        """Leave the group, and Kafka; when that is away only the latter. Raises nothing, and takes a few seconds."""
        if self._membership is not None:
            self._membership.cancel()
            with suppress(asyncio.CancelledError):
                await self._membership
        stopping = asyncio.ensure_future(super().stop())
        await asyncio.wait([stopping], timeout=STOP_SECONDS)
        if not stopping.done():
            # aiokafka waits up to 40 s for what is on its way to its coordinator: without connections that fails.
            await asyncio.wait([asyncio.ensure_future(self._client.close())], timeout=STOP_SECONDS)
            await asyncio.wait([stopping], timeout=STOP_SECONDS)
        stopping.cancel()
        with suppress(KafkaError, OSError, asyncio.CancelledError):
            await stopping

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
        own: str = coordinator.member_id
        request = DescribeGroupsRequest([self._group_id])
        answer = await self._client.send(coordinator.coordinator_id, request)
        _, _, state, _, _, members, *_ = answer.groups[0]
        hosts = {member[0]: member[2] for member in members}
        if self._instance and own == coordinator.member_id and (other := holder(self._instance, own, hosts)):
            self._step_aside(hosts[other])
            return None
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

    def _step_aside(self, host: str) -> None:
        """Another process has this one's instance id: from now on this one goes without.

        Kafka gives the place of an instance id to who joins last, aiokafka joins again, and so each would throw the
        other out every two seconds.
        """
        log.error(
            "member.replaced",
            instance_id=self._instance,
            by_host=host.lstrip("/"),
            remedy="two processes run with this FLOWS_INSTANCE_ID: give each its own",
        )
        self._instance = self._coordinator._group_instance_id = None  # noqa: SLF001 - read at each joining
        self._coordinator.reset_generation()
        self._coordinator.request_rejoin()


def holder(instance: str, own: str, members: Collection[str]) -> str | None:
    """The member that has an instance id in place of the one that joined as `own`; None: nobody, or it has not joined.

    Kafka names a member by its instance id and a UUID.
    """
    if not own:
        return None
    named = (one for one in members if one.startswith(f"{instance}-") and len(one) == len(instance) + UUID_CHARACTERS)
    return next((one for one in named if one != own), None) if own not in members else None


async def coordinated(bootstrap: str, group: str) -> None:
    """Return when a broker leads the group and answers for it. Asking makes a new Kafka begin to keep groups.

    That takes it a second. aiokafka asks too, and logs a warning or an error for each "not yet". Raises KafkaError.
    """
    client = Client(bootstrap_servers=bootstrap)
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
