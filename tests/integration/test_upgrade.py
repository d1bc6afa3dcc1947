"""What the previous release began, this one ends: its wheel's processes die in the middle, ours go on, once each."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest

from contracts.events import Event
from contracts.topics import ACTIONS, HISTORY
from services.runtime import database
from services.tools.settings import ToolsSettings
from tests.support import actions, previous_release
from tests.support.closum import Closum, closum
from tests.support.tools_process import PATIENCE_SECONDS, ToolsProcess, event_id, free_port, read, send

FLOW = """
flow: upgrade
on: closum.whatsapp.message_received
steps:
  - id: once
    tool: deduplicate
    with: { key: "${ trigger.from }", within: 1d }
  - id: first
    action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { phone: "${ trigger.from }", step: 1 }, repeat: keyed }
    retry: { attempts: 20, within: 1h }
  - wait: { until: "${ trigger.text }" }
    cancel_on:
      trigger: closum.lead.created
      key: ${ trigger.from }
      then: continue
  - action: http.request
    connection: crm
    with:
      method: POST
      url: /contacts
      json: { phone: "${ trigger.from }", step: 2, was: "${ first.status }" }
      repeat: keyed
    retry: { attempts: 20, within: 1h }
"""
SOON, LATE = "2026-01-05T09:00:00Z", (datetime.now(UTC) + timedelta(days=2)).isoformat()
# Run by the previous release's Python: its tables, its topics, its events.
OLD = """
import asyncio, sys
from contracts.events import Event
from contracts.topics import EVENTS
from services.runtime import database, kafka
from services.runtime.settings import RuntimeSettings, load

async def main(until, *phones):
    settings = load(RuntimeSettings)
    await database.migrate(settings.database_url)
    await kafka.make_topics(settings)
    producer = kafka.Producer(settings)
    await producer.start()
    for phone in phones:
        data = {"message_id": phone, "from": phone, "text": until, "contact": {"name": "Inês"}}
        event = Event(id=phone, source="/old", type="closum.whatsapp.message_received", subject=phone, data=data)
        await (await producer.send(EVENTS, event.key, event.to_bytes()))
    await producer.stop()
    print(kafka.__file__)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of the previous release."""
    folder = tmp_path_factory.mktemp("previous") / "environment"
    return str(previous_release.environment(previous_release.commit(), folder))


@pytest.fixture
async def empty_database(database_url: str, topic_prefix: str) -> AsyncIterator[str]:
    """A database without a table."""
    name = "upgrade_" + topic_prefix.strip(".")
    connection = await asyncpg.connect(database_url)
    await connection.execute(f'create database "{name}"')
    yield database_url.rpartition("/")[0] + f"/{name}"
    await connection.execute(f'drop database "{name}" with (force)')
    await connection.close()


async def test_what_the_release_before_began_is_ended_once(
    old: str, kafka_bootstrap: str, empty_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Its events, requests, waits, parked calls and claims, as it wrote them to Kafka and to its own tables."""
    done, waiting, parked, requested, unread = ([f"+3519{kind}000000{n}" for n in range(1, 6)] for kind in "12365")
    environ = previous_release.environ(
        KAFKA_BOOTSTRAP=kafka_bootstrap,
        DATABASE_URL=empty_database,
        FLOWS_TOPIC_PREFIX=topic_prefix,
        FLOWS_TOPIC_PARTITIONS="2",
    )

    def by_old(*arguments: str) -> str:
        return subprocess.check_output([old, *arguments], env=environ, cwd=tmp_path, text=True)

    settings = ToolsSettings(
        kafka_bootstrap=kafka_bootstrap,
        database_url=empty_database,
        topic_prefix=topic_prefix,
        instance_id="tools-0",
        health_port=free_port(),
    )
    (tmp_path / "upgrade.yaml").write_text(FLOW)
    with closum() as stand_in, ExitStack() as around:
        for phone in parked:
            stand_in.fault(path="/crm/*", kind="status", status=429, retry_after=6, contains=phone, times=1)
        said = by_old("-c", OLD, SOON, *done, *parked)
        assert said.startswith(str(Path(old).parents[1])), "the code of the previous release"
        by_old("-m", "services.cli", "deploy", "upgrade.yaml")
        tools = ToolsProcess(settings, tmp_path, python=old, more={"PYTHONSAFEPATH": "1"})
        around.callback(tools.kill)
        async with actions.kafka(kafka_bootstrap, topic_prefix) as topics:
            with actions.worker(
                # The release before knows no `idempotency`.
                topics,
                tmp_path,
                stand_in.url,
                empty_database,
                idempotency="",
                PYTHONSAFEPATH="1",
                FLOWS_PARK_SECONDS="1",
            ) as calls:
                calls.python = old
                try:
                    tools.start()
                    calls.start()
                    await asyncio.to_thread(by_old, "-c", OLD, LATE, *waiting)
                    await _rows(empty_database, "timers where due > now()", len(waiting))
                    await _rows(empty_database, "parked", len(parked))
                    await _effects(stand_in, 2 * len(done) + len(waiting))
                finally:
                    calls.kill()
                await asyncio.to_thread(by_old, "-c", OLD, SOON, *requested)
                await read(settings, ACTIONS, lambda found: set(requested) <= set(map(event_id, found)))
                tools.kill()
                by_old("-c", OLD, SOON, *unread)

            await database.migrate(empty_database)
            tools = ToolsProcess(settings, tmp_path)
            with actions.worker(topics, tmp_path, stand_in.url, empty_database) as calls:
                try:
                    tools.start()
                    calls.start()
                    await send(settings, [_lead(phone) for phone in waiting])
                    everybody = {*done, *waiting, *parked, *requested, *unread}
                    ended = await read(settings, HISTORY, lambda found: everybody <= set(_ends(found)))
                finally:
                    tools.kill()
        effects = Counter((one["subject"], one["body"]["step"]) for one in stand_in.state("effects"))
        keys = stand_in.state("keys")

    assert _ends(ended) == dict.fromkeys(everybody, "delivered")
    assert effects == Counter({(phone, step): 1 for phone in everybody for step in (1, 2)})
    assert len(keys) == 2 * len(everybody), "the same effect has the same id in both releases"


def test_a_clone_without_the_history_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "previous_release.txt"
    named.write_text("0123456789012345678901234567890123456789\n")
    monkeypatch.setattr(previous_release, "NAMED", named)

    with pytest.raises(pytest.fail.Exception, match=r"0123456789.* is not here.*git fetch --unshallow"):
        previous_release.commit()


def _lead(phone: str) -> Event:
    data = {"lead_id": phone, "mobile_number": phone}
    return Event(id=f"lead-{phone}", source="/new", type="closum.lead.created", subject=phone, data=data)


def _ends(found: Sequence[object]) -> dict[str, str]:
    """How each event of the flow ended."""
    records = [orjson.loads(one.value) for one in found]  # type: ignore[attr-defined]
    return {one["event_id"]: one["outcome"] for one in records if one.get("flow") == "upgrade"}


async def _rows(url: str, table: str, count: int) -> None:
    """Return when a table has so many rows."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await connection.fetchval(f"select count(*) from {table}") < count:  # noqa: S608, ASYNC110 - our own names; another process fills it
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _effects(stand_in: Closum, count: int) -> None:
    """Return when the destination had so many."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(stand_in.state("effects")) < count:  # noqa: ASYNC110 - another process has them
            await asyncio.sleep(0.1)
