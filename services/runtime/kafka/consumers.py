"""Consumers, made one way: they read what was committed to Kafka, and commit only what they are told to."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

from services.runtime.kafka import brokers, fetching
from services.runtime.kafka.group_consumer import GroupConsumer, coordinated
from services.runtime.settings import RuntimeSettings

COMMITTED = "read_committed"
"""What every reader of ours reads: not what a producer wrote in a transaction that it aborted, or has not ended yet."""

brokers.install()
fetching.install()


def consumer(settings: RuntimeSettings, group: str, *, poll_seconds: float = 120.0) -> GroupConsumer:
    """A consumer that commits only what it is told to, from the earliest record on, of what was committed to Kafka.

    `poll_seconds`: who asks for nothing so long has left the group. A record's value may be a `gaps.Gap`.
    """
    return GroupConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=settings.topic_prefix + group,
        # Kafka's static membership: a killed worker that comes back goes on in 2 s, without a rebalance.
        group_instance_id=settings.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=COMMITTED,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        # By default it is the session's: a member that finishes what is at work before it gives up partitions would be
        # thrown out in the middle of it.
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=int(poll_seconds * 1000),
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=1_048_576,
    )


def reader(settings: RuntimeSettings, *topics: str, **named: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - aiokafka's own
    """A consumer of its own, in no group, which commits nothing: of what was committed to Kafka, as `consumer`."""
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.kafka_bootstrap,
        enable_auto_commit=False,
        isolation_level=COMMITTED,
        **named,
    )


async def coordinator(settings: RuntimeSettings, group: str) -> None:
    """Return when a broker leads the group. Raises KafkaError when none does in time."""
    await coordinated(settings.kafka_bootstrap, settings.topic_prefix + group)
