"""Waits through real processes on real Kafka and PostgreSQL: killed at any moment, none is lost, none goes on twice."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson

from contracts.topics import ACTIONS, HISTORY
from tests.support import batches
from tests.support.flows_command import flows
from tests.support.tools_process import PATIENCE_SECONDS, all_of, event_id, free_port, read, send, stack, story

SOON = batches.ONE_CALL.replace("steps:", 'steps:\n  - wait: { until: "${ trigger.text }" }')
LONG = batches.ONE_CALL.replace(
    "steps:",
    "steps:\n  - wait: 2h\n    cancel_on: { trigger: closum.lead.created, key: '${ trigger.from }' }",
)


READS = """
flow: reads
on: closum.whatsapp.message_received
steps:
  - wait: 2h
    cancel_on:
      - { trigger: closum.lead.created, key: "${ trigger.from }", as: lead, then: continue }
      - { trigger: closum.contact.updated, key: "${ trigger.from }" }
  - action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { name: "${ lead.?name }" } }
"""


async def pending(url: str, least: int) -> None:
    """Return when so many waits are set, none less."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await connection.fetchval("select count(*) from timers") < least:  # noqa: ASYNC110 - another process sets them
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def test_sigkill_of_all_replicas_while_waits_fire_loses_none_and_resumes_none_twice(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Two replicas, killed four times while 1,500 waits come due."""
    count = 1500
    begin = datetime.now(UTC) + timedelta(seconds=4)
    events = [
        one.model_copy(update={"data": {**one.data, "text": (begin + timedelta(milliseconds=4 * number)).isoformat()}})
        for number, one in enumerate(story(topic_prefix, count))
    ]
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, SOON) as replica:
        other = type(replica)(replica.settings.model_copy(update={"instance_id": "tools-1"}), tmp_path)
        other.settings = other.settings.model_copy(update={"health_port": free_port()})
        replicas = (replica, other)
        try:
            for each in replicas:
                each.start()
            for each in replicas:
                await each.ready()
            await send(replica.settings, events)
            for round_ in range(1, 5):
                await read(replica.settings, ACTIONS, all_of(round_ * count // 5))
                for each in replicas:
                    each.kill()
                for each in replicas:
                    each.start()
            requests = await read(replica.settings, ACTIONS, all_of(count))
        finally:
            other.kill()
    effects = {event_id(one): set[str]() for one in requests}
    for one in requests:
        effects[event_id(one)].add(orjson.loads(one.value)["effect_id"])
    assert len(effects) == count
    assert all(len(ids) == 1 for ids in effects.values())
    due = {one.id: datetime.fromisoformat(str(one.data["text"])) for one in events}
    early = [one for one in requests if one.timestamp / 1000 < due[event_id(one)].timestamp() - 0.05]
    assert early == []


async def test_waits_end_by_an_event_or_by_hand(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """And what is moved to now goes on now."""
    source = f"/hooks/{topic_prefix}"
    environ = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "DATABASE_URL": database_url, "FLOWS_TOPIC_PREFIX": topic_prefix}

    def command(*arguments: str) -> str:
        done = flows(*arguments, cwd=tmp_path, env=environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, LONG) as replica:
        replica.start()
        await replica.ready()
        phones = {number: f"+351 91200000{number}" for number in range(4)}
        waiting = [
            batches.event(number, source=source, subject=phone, data={"from": phone})
            for number, phone in phones.items()
        ]
        await send(replica.settings, waiting)
        await pending(database_url, 4)
        rows = json.loads(await asyncio.to_thread(command, "runs", "--waiting", "--json"))
        run_of = {row["subject"]: row["run_id"] for row in rows}
        assert run_of.keys() == set(phones.values())

        data = {"name": "Ana", "mobile_number": "351912000000"}
        lead = batches.event(9, source=source, type="closum.lead.created", subject="351912000000", data=data)
        await send(replica.settings, [lead])
        dry = await asyncio.to_thread(command, "cancel", "--key", "00351912000001", "--dry-run")
        assert "1 would be cancelled" in dry
        done = await asyncio.to_thread(command, "cancel", "--key", "00351912000001", "--why", "asked by phone")
        assert "1 cancelled" in done
        await asyncio.to_thread(command, "cancel", "--run", run_of[phones[2]][:12])
        await asyncio.to_thread(command, "reschedule", "--run", run_of[phones[3]], "--in", "0s")

        (request,) = await read(replica.settings, ACTIONS, all_of(1))
        history = await read(replica.settings, HISTORY, lambda found: len(found) >= 4)
        left = json.loads(await asyncio.to_thread(command, "runs", "--waiting", "--json"))
    assert event_id(request) == "3"
    ends = {end["event_id"]: end["reason"] for end in (orjson.loads(one.value) for one in history)}
    assert ends["0"] == "closum.lead.created came: event '9'"
    assert ends["1"] == "cancelled by hand: asked by phone"
    assert ends["2"].startswith("cancelled by hand: ")
    assert ends["9"] == "it ended a wait"
    assert left == []


async def test_the_event_that_ended_a_wait_comes_along_also_through_a_kill(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """By the first or the second of those that may end it: each run goes on once, by what came for it."""
    source = f"/hooks/{topic_prefix}"
    phones = [f"+351 91200001{number}" for number in range(8)]
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, READS) as replica:
        replica.start()
        await replica.ready()
        asked = [
            batches.event(number, source=source, subject=phone, data={"from": phone})
            for number, phone in enumerate(phones)
        ]
        await send(replica.settings, asked)
        await pending(database_url, len(phones))
        came = [
            batches.event(
                20 + number,
                source=source,
                type="closum.lead.created" if number % 2 else "closum.contact.updated",
                subject=phone.replace(" ", ""),
                data={"name": f"Ana {number}", "mobile_number": phone},
            )
            for number, phone in enumerate(phones)
        ]
        await send(replica.settings, came)
        replica.kill()
        replica.start()
        await replica.ready()
        requests = await read(replica.settings, ACTIONS, all_of(4))
        history = await read(replica.settings, HISTORY, lambda found: len(found) >= 12)
    said = {event_id(one): orjson.loads(one.value)["inputs"]["json"]["name"] for one in requests}
    assert said == {str(number): f"Ana {number}" for number in (1, 3, 5, 7)}
    ends = {end["event_id"]: end["outcome"] for end in (orjson.loads(one.value) for one in history)}
    assert {number for number in ends if ends[number] == "dead"} == set()
    assert {"0", "2", "4", "6"} <= {number for number in ends if ends[number] == "filtered"}


def test_what_cannot_be_done_is_said_without_a_stack_trace(database_url: str, tmp_path: Path) -> None:
    environ = {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    for arguments, told in (
        (("cancel",), "say what to cancel"),
        (("reschedule", "--run", "abc"), "say when"),
        (("reschedule", "--run", "abc", "--in", "soon"), "is no duration"),
        (("reschedule", "--run", "abc", "--until", "soon"), "is no moment"),
        (("reschedule", "--run", "abc", "--in", "1h"), "no run 'abc' waits"),
    ):
        done = flows(*arguments, cwd=tmp_path, env=environ)
        assert done.returncode in (1, 2)
        assert told in done.stderr
        assert "Traceback" not in done.stderr
