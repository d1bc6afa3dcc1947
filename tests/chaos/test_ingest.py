"""202 is a promise, whatever dies. Short; `python -m tests.bench.ingest_chaos` is the full one."""

from __future__ import annotations

from pathlib import Path

from deploy.local import KafkaServer
from tests.support import gateway_chaos


async def test_kafka_stopped_under_load(kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path) -> None:
    """Every 202 is in the topic; who got none got a clear 503."""
    answers = await gateway_chaos.kafka_stopped(kafka_server, topic_prefix, tmp_path, 1.0)
    assert answers.unavailable > 0
    assert answers.cut == 0


async def test_the_gateway_killed_under_load(kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path) -> None:
    """No 202 is missing."""
    await gateway_chaos.gateway_killed(kafka_server, topic_prefix, tmp_path, 2)


async def test_the_same_events_from_four_clients(
    kafka_server: KafkaServer, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """As many runs as events, though Kafka and the gateway are killed twice each."""
    await gateway_chaos.redelivered(kafka_server, database_url, topic_prefix, tmp_path, 300)
