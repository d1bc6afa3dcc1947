"""The gateway keeps its own OpenAPI document, whatever is sent. `python -m tests.bench.fuzz` does it at length."""

from __future__ import annotations

import asyncio
from pathlib import Path

from contracts.topics import EVENTS, EVENTS_DLQ, HISTORY, REFUSED, REFUSED_DLQ
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support.fuzz import SIGNED_PATH, fuzz, server_errors, sources
from tests.support.ingest import running


async def test_no_request_gets_an_answer_that_is_not_declared(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """No 5xx, no undeclared status, content type or shape, over real Kafka and PostgreSQL."""
    own = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": database_url}
    await migrate(database_url)
    await make_topics(load(RuntimeSettings, own), [EVENTS, EVENTS_DLQ, HISTORY, REFUSED, REFUSED_DLQ])
    with running(tmp_path, **own, **sources(tmp_path)) as ingest:
        await asyncio.to_thread(ingest.until_ready)
        seen = await asyncio.to_thread(fuzz, ingest.url, 16, 3)
    assert server_errors(seen) == []
    for path in ("/v1/hooks/{source}/{token}", SIGNED_PATH):
        assert {f"POST {path} {status}" for status in (202, 404, 422)} <= seen.keys(), seen
