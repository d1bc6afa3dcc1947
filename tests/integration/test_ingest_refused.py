"""What was refused is put back and read again, by the real gateway over a real Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from aiokafka import ConsumerRecord

from contracts.events import Event
from contracts.topics import ALL, EVENTS, REFUSED_DLQ
from services.runtime import kafka
from services.runtime.database import migrate
from services.runtime.settings import RuntimeSettings, load
from tests.support import tools_process
from tests.support.flows_command import flows
from tests.support.ingest import Ingest, eventually, running

TOKEN = "again-0123456789abcdef"
SCHEMA = "{ type: object, required: [ n ], properties: { n: { type: TYPE } } }"
FILE = f"""\
sources:
  one:  {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, id: /n }}
  rows: {{ schema: {SCHEMA}, token: {{ env: TOKEN }}, items: "" }}
"""
SENT: list[tuple[str, Any, int]] = [
    ("one", {"n": "a"}, 422),
    ("one", {"n": "a"}, 422),
    ("one", {"n": "b"}, 422),
    ("one", {"n": 1}, 202),
    ("rows", [{"n": 2}, {"n": "c"}, {"n": 3}], 202),
]


def names(found: list[ConsumerRecord]) -> list[Any]:
    """What flows see."""
    return [json.loads(record.value)["data"]["n"] for record in found]


def send(ingest: Ingest) -> None:
    """All of SENT."""
    for source, body, status in SENT:
        answer = httpx.post(f"{ingest.url}/v1/hooks/{source}/{TOKEN}", json=body, timeout=20, trust_env=False)
        assert answer.status_code == status, answer.text


async def test_a_redrive_is_read_by_what_the_source_declares_now(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Refused bodies and the item of a taken one: kept once, counted, and events once the schema was mended."""
    own = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": own_database}
    settings = load(RuntimeSettings, own)
    await migrate(own_database)
    await kafka.make_topics(settings, ALL)
    file = tmp_path / "sources.yaml"

    async def command(*arguments: str) -> str:
        done = await asyncio.to_thread(flows, *arguments, cwd=tmp_path, env=own)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        return done.stdout

    def counts() -> list[tuple[Any, Any, Any]]:
        done = flows("dead", "list", "--json", cwd=tmp_path, env=own)
        return sorted((row["source"], row["count"], row["refused"]) for row in json.loads(done.stdout))

    file.write_text(FILE.replace("TYPE", "integer"))
    with running(tmp_path, TOKEN=TOKEN, **own) as ingest:
        await asyncio.to_thread(ingest.until_ready)
        await asyncio.to_thread(send, ingest)
        letters = await tools_process.read(settings, REFUSED_DLQ, lambda found: len(found) >= 3)
        assert [json.loads(letter.value) for letter in letters] == [{"n": "a"}, {"n": "b"}, [{"n": "c"}]]
        expected = [("/hooks/one", 2, 3), ("/hooks/rows", 1, 1)]
        await asyncio.to_thread(eventually, lambda: counts() == expected, 20, counts)
    first = await tools_process.read(settings, EVENTS, lambda found: len(found) >= 3)
    assert sorted(names(first)) == [1, 2, 3]
    received = {record["at"]: record for record in json.loads(await command("dead", "list", "--each", "--json"))}
    file.write_text(FILE.replace("TYPE", "[ integer, string ]"))
    with running(tmp_path, TOKEN=TOKEN, **own) as ingest:
        await asyncio.to_thread(ingest.until_ready)
        assert "1 redriven" in await command("dead", "redrive", "--source", "rows")
        assert "2 redriven" in await command("dead", "redrive", "--source", "/hooks/one")
        found = await tools_process.read(settings, EVENTS, lambda found: len(found) >= 6)
    events = [Event.model_validate_json(record.value) for record in found]
    again = {str(event.data["n"]): event for event in events if isinstance(event.data["n"], str)}
    assert sorted(again) == ["a", "b", "c"]
    assert {event.source for event in again.values()} == {"/hooks/one", "/hooks/rows"}
    latest = max(event.accepted for event in again.values() if event.accepted)
    assert latest.isoformat() <= max(received).replace("Z", "+00:00"), "they count as accepted when they came"
    assert json.loads(await command("dead", "list", "--json")) == []
