"""A Kafka that has just begun and names no broker is one that is away: every loop waits for it."""

from __future__ import annotations

import aiokafka.admin.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from services.runtime import kafka
from services.runtime.cures import curable
from services.runtime.kafka.brokers import Client
from services.runtime.kafka.group_consumer import coordinated


async def _nobody(_client: AIOKafkaClient) -> None:
    """What aiokafka's bootstrap does with an answer that names no broker: nothing."""


async def test_who_names_no_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting cures it: neither an assertion that ends the process, nor a client that looks connected."""
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", _nobody)
    client = Client(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaConnectionError) as raised:
        await client.bootstrap()
    assert curable(raised.value)
    with pytest.raises(KafkaConnectionError):
        await coordinated("127.0.0.1:1", "tools")


def test_every_client_of_ours_is_one() -> None:
    """Whoever can make a consumer or a producer has had them put there."""
    assert callable(kafka.consumer)
    for module in (aiokafka.admin.client, aiokafka.consumer.consumer, aiokafka.producer.producer):
        assert module.AIOKafkaClient is Client
