"""What we tell other teams' producers is true: their events are events, and a bad record stops nobody."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer

from contracts.events import Event
from contracts.topics import EVENTS
from contracts.triggers.registry import TRIGGERS
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from services.tools.event_reading import event_of
from tests.support import tools_process

EXAMPLES = Path(__file__).parents[2] / "examples/producers"


def example() -> ModuleType:
    """The example as a module; it is no part of a package."""
    spec = importlib.util.spec_from_file_location("produce", EXAMPLES / "python/produce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_produces_events_of_the_contract(kafka_bootstrap: str, topic_prefix: str) -> None:
    """Under the key that services use, of a trigger that there is."""
    settings = load(RuntimeSettings, {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix})
    await make_topics(settings, [EVENTS])
    await example().produce(kafka_bootstrap, EVENTS.under(topic_prefix))
    found = await tools_process.read(settings, EVENTS, lambda records: len(records) >= 3)
    for record in found:
        event = Event.model_validate_json(record.value)
        assert record.key == event.key
        assert TRIGGERS[event.type].read(event.data).subject() == event.subject


def test_the_java_properties_keep_what_we_promise() -> None:
    """Acknowledged by all, idempotent, the key as text, the default partitioner, not more than a message may have."""
    lines = (EXAMPLES / "java/producer.properties").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert (told["acks"], told["enable.idempotence"], told["max.request.size"]) == ("all", "true", "900000")
    assert told["key.serializer"].endswith("StringSerializer")
    assert "partitioner.class" not in told


@pytest.mark.parametrize("how", [to_binary, to_structured])
async def test_the_cloudevents_sdk_produces_in_both_modes(
    how: Callable[..., KafkaMessage], kafka_bootstrap: str, topic_prefix: str
) -> None:
    """With confluent-kafka, as teams in other languages do: each is the same event."""
    settings = load(RuntimeSettings, {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix})
    await make_topics(settings, [EVENTS])
    attributes = {
        "id": "order-1",
        "source": "/shop",
        "type": "closum.lead.created",
        "subject": "ines@example.com",
        "datacontenttype": "application/json; charset=utf-8",
        "time": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "partitionkey": "default/ines@example.com",
    }
    sent = how(CloudEvent(attributes, {"email": "ines@example.com"}), JSONFormat())
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "acks": "all", "enable.idempotence": True})
    producer.produce(EVENTS.under(topic_prefix), sent.value, sent.key, headers=list(sent.headers.items()))
    assert await asyncio.to_thread(producer.flush, 30) == 0
    [record] = await tools_process.read(settings, EVENTS, lambda records: len(records) >= 1)
    event = event_of(record.value, record.headers)
    assert (event.id, event.key) == ("order-1", record.key)
    assert event.time == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert event.data["email"] == "ines@example.com"
