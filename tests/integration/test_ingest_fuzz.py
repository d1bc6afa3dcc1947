"""The gateway keeps its own OpenAPI document, whatever is sent. `python -m tests.bench.fuzz` does it at length."""

from __future__ import annotations

import asyncio
from pathlib import Path

from contracts.topics import EVENTS, HISTORY
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support.fuzz import fuzz, server_errors
from tests.support.ingest import running


async def test_no_request_gets_an_answer_that_is_not_declared(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """No 5xx, no undeclared status, content type or shape, over real Kafka and PostgreSQL."""
    own = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": database_url}
    await migrate(database_url)
    await make_topics(load(RuntimeSettings, own), [EVENTS, HISTORY])
    with running(tmp_path, **own) as ingest:
        await asyncio.to_thread(ingest.until_ready)
        seen = await asyncio.to_thread(fuzz, ingest.url, 12)
    assert server_errors(seen) == []
    assert any(answer.endswith(" 202") for answer in seen), seen
    assert any(answer.endswith(" 422") for answer in seen), seen
