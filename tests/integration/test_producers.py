"""What we tell other teams' producers is true: their events are events, and a bad record stops nobody."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from contracts.events import Event
from contracts.topics import EVENTS
from contracts.triggers.registry import TRIGGERS
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
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
