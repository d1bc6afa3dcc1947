"""What the gateway process does beside its requests: schedules fire, polls ask, the ends of events are known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
from aiohttp import web
from aiokafka import ConsumerRecord

from contracts.dead_letters import DeadLetter
from contracts.events import Event
from contracts.runs import HistoryRecord, Outcome
from contracts.topics import EVENTS, EVENTS_DLQ, HISTORY
from deploy.local.ports import free_port
from services.runtime import kafka
from services.runtime.database import migrate
from services.runtime.settings import RuntimeSettings, load
from tests.support import tools_process
from tests.support.ingest import BEARER, SOURCES, WHATSAPP, eventually, running

MESSAGE = {"message_id": "wamid.1", "from": "+351 912 345 678"}


async def test_schedules_polls_and_ends(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """One process with all three: the events are in the topic, and a question is answered as soon as an end is.

    An item that is no event is a dead letter, and its end is known.
    """
    own = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": database_url}
    settings = load(RuntimeSettings, own)
    await migrate(database_url)
    await kafka.make_topics(settings, [EVENTS, EVENTS_DLQ, HISTORY])
    port = free_port()
    name = topic_prefix.strip(".")
    (tmp_path / "sources.yaml").write_text(
        f"{SOURCES}  {name}-second:\n    schedule: {{ every: 1s }}\n"
        f"  {name}-rows:\n    poll: {{ url: 'http://127.0.0.1:{port}/', every: 1s }}\n    example: {{ id: 1 }}\n"
        "    id: /id\n"
    )
    runner = web.AppRunner(app := web.Application())
    app.add_routes([web.get("/", _answer)])
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        with running(tmp_path, FLOWS_EGRESS_ALLOW="127.0.0.0/8", **own) as ingest:
            await asyncio.to_thread(ingest.until_ready)
            answer = await asyncio.to_thread(httpx.post, ingest.url + WHATSAPP, json=MESSAGE, trust_env=False)
            identity = answer.json()["id"]
            kinds: set[str] = set()

            def enough(records: list[ConsumerRecord]) -> bool:
                kinds.update(Event.model_validate_json(record.value).type for record in records)
                return {f"schedule.{name}-second", f"poll.{name}-rows"} <= kinds

            await tools_process.read(settings, EVENTS, enough)
            [dead] = await tools_process.read(settings, EVENTS_DLQ, lambda found: len(found) >= 1)
            letter = DeadLetter.from_headers(tuple(dead.headers))
            assert (letter.topic, letter.offset, Event.model_validate_json(dead.value).id) == (
                *(f"/polls/{name}-rows", 2, letter.event_id),
            )

            def asked() -> httpx.Response:
                return httpx.get(f"{ingest.url}/v1/events/{identity}", headers=BEARER, trust_env=False, timeout=10)

            before = await asyncio.to_thread(asked)
            assert (before.status_code, before.json()["state"]) == (200, "in_flight")
            end = HistoryRecord(
                run_id=f"run-{identity}",
                event_id=identity,
                source="/hooks/whatsapp",
                account="default",
                subject="351912345678",
                outcome=Outcome.DELIVERED,
                at=datetime.now(UTC),
                flow="f",
            )
            await tools_process.send(settings, [end.to_bytes()], topic=HISTORY)
            ended = lambda: asked().json()["state"] == "ended"  # noqa: E731 - polled in another thread
            await asyncio.to_thread(eventually, ended, 30, ingest.text)
            [found] = (await asyncio.to_thread(asked)).json()["ends"]
            assert (found["outcome"], found["flow"]) == ("delivered", "f")
            identity = letter.event_id or ""
            await asyncio.to_thread(eventually, ended, 30, ingest.text)
            [found] = (await asyncio.to_thread(asked)).json()["ends"]
            assert (found["outcome"], found["code"]) == ("dead", "shape_invalid")
            unknown = await asyncio.to_thread(
                lambda: httpx.get(f"{ingest.url}/v1/events/none", headers=BEARER, trust_env=False)
            )
            assert unknown.status_code == httpx.codes.NOT_FOUND
            ingest.terminate()
            assert await asyncio.to_thread(ingest.ended) == 0
    finally:
        await runner.cleanup()


async def _answer(_request: web.Request) -> web.Response:
    return web.json_response([{"id": 1}, {"id": 2}, {"id": "x"}])
