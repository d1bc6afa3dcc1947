"""A consumer in a group leaves within seconds, whatever its coordinator does."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from services.runtime.kafka import group_consumer
from services.runtime.kafka.group_consumer import GroupConsumer


@pytest.mark.parametrize("connections_hang", [False, True])
async def test_a_stop_ends_though_kafka_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
    connections_hang: bool,  # noqa: FBT001 - parametrized
) -> None:
    """A service is told to end while Kafka is away: it must not be killed for waiting. Its connections are closed."""
    monkeypatch.setattr(group_consumer, "STOP_SECONDS", 0.05)
    closed = []

    async def hangs(_: object) -> None:
        await asyncio.Event().wait()

    async def close() -> None:
        closed.append(1)
        if connections_hang:
            await asyncio.Event().wait()

    monkeypatch.setattr(AIOKafkaConsumer, "stop", hangs)
    consumer = GroupConsumer(bootstrap_servers="127.0.0.1:1", group_id="g")
    monkeypatch.setattr(consumer._client, "close", close)
    await asyncio.wait_for(consumer.stop(), 5)
    assert closed == [1]


async def test_what_it_waits_for_fails_with_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So aiokafka's own stop comes to its end, and leaves no task that goes on."""
    monkeypatch.setattr(group_consumer, "STOP_SECONDS", 0.05)
    failed, ended = asyncio.Event(), []

    async def waits(_: object) -> None:
        await failed.wait()
        ended.append(1)

    async def close() -> None:
        failed.set()

    monkeypatch.setattr(AIOKafkaConsumer, "stop", waits)
    consumer = GroupConsumer(bootstrap_servers="127.0.0.1:1", group_id="g")
    monkeypatch.setattr(consumer._client, "close", close)
    await asyncio.wait_for(consumer.stop(), 5)
    assert ended == [1]
