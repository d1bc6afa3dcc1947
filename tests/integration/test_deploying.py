"""Flows are deployed to the database: all or none, taken up without a restart, and runs end as they began."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from contracts.runs import Answer, Run, RunMessage
from contracts.topics import ACTIONS, HISTORY, RUNS, RUNS_DLQ
from services.runtime import kafka
from tests.support import batches
from tests.support.flows_command import flows
from tests.support.tools_process import ToolsProcess, read, send, stack

FIRST = """
flow: hello
on: closum.whatsapp.message_received
steps:
  - id: crm
    action: http.request
    connection: crm
    with: { method: POST, url: /first, json: {} }
  - action: http.request
    connection: crm
    with: { method: POST, url: "/first/${ crm.status }", json: {} }
"""
LOOKUP = """steps:
  - id: where
    tool: lookup
    with: { key: hello, table: { csv: where.csv }, key_field: flow, value_field: path, default: / }
"""
TABLE = "flow,path\nhello,/second\n"
SECOND = (
    FIRST.replace("steps:\n", LOOKUP)
    .replace("url: /first,", 'url: "${ where.value }",')
    .replace("/first/", "${ where.value }/")
)
WRONG = FIRST.replace("crm.status", "crm.statut")


async def ran(replica: ToolsProcess, *arguments: str, code: int = 0) -> str:
    """A command against the test's own database."""
    env = {"DATABASE_URL": replica.settings.database_url, "KAFKA_BOOTSTRAP": replica.settings.kafka_bootstrap}
    done = await asyncio.to_thread(flows, *arguments, cwd=replica.folder, env=env)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout + done.stderr


async def own_database(url: str, name: str) -> str:
    """A database of this test alone: deployments are of a whole database."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()
    return url.rpartition("/")[0] + f"/{name}"


def asked(url: str) -> Any:
    """Whether a call of this address was asked for."""
    return lambda found: any(orjson.loads(one.value)["inputs"]["url"] == url for one in found)


async def test_a_set_is_deployed_taken_up_refused_and_rolled_back(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The first deployment is waited for; later ones run within 2 s; a broken one changes nothing; rollback goes back.

    A run that began on an earlier version ends on it, also in a worker that has never seen that version. The second one
    has a table beside it, of which the worker knows what was deployed.
    """
    own = await own_database(database_url, "deploying_" + topic_prefix.strip("."))
    async with stack(kafka_bootstrap, own, topic_prefix, tmp_path) as replica:
        file = tmp_path / "hello.yaml"
        file.write_text(FIRST)
        replica.more["FLOWS_FLOWS_DIR"] = ""
        replica.start()
        await send(replica.settings, [event(0)])
        body = await replica.until("/readyz", lambda status, body: status == 503 and "flows deploy" in body)
        assert "no flow is deployed yet" in body

        assert "added hello" in await ran(replica, "deploy", "hello.yaml", "--why", "the first")
        (request,) = await read(replica.settings, ACTIONS, lambda found: len(found) >= 1)
        assert orjson.loads(request.value)["inputs"]["url"] == "/first"

        file.write_text(WRONG)
        refused = await ran(replica, "deploy", ".", code=1)
        assert "hello.yaml:11:" in refused
        assert "nothing was deployed, what runs runs on" in refused

        file.write_text(SECOND)
        (tmp_path / "where.csv").write_text(TABLE)
        assert "changed hello" in await ran(replica, "deploy", "hello.yaml")
        deployed_at = time.monotonic()
        number = 0
        while True:
            number += 1
            await send(replica.settings, [event(number)])
            found = await read(replica.settings, ACTIONS, lambda found: len(found) > number)  # noqa: B023 - read at once
            if asked("/second")(found):
                break
            assert time.monotonic() - deployed_at < 10
        assert "nothing changed" in await ran(replica, "deploy", "hello.yaml")
        (tmp_path / "where.csv").unlink()

        replica.kill()
        replica.start()
        await replica.ready()
        await answer(replica, request.value)
        await read(replica.settings, ACTIONS, asked("/first/200"))

        assert "changed hello" in await ran(replica, "rollback")
        history = json.loads(await ran(replica, "list", "--history", "--json"))
        assert [(one["deployment"], one["note"]) for one in history] == [(3, "back to 1"), (2, ""), (1, "the first")]
        (shown,) = json.loads(await ran(replica, "list", "--json"))
        assert shown["flow"] == "hello"
        assert "/first" in await ran(replica, "show", "hello")
        assert replica.stop() == 0


async def test_a_run_whose_version_cannot_be_had_is_a_dead_letter_with_the_remedy(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Nothing is guessed: the run is kept in runs.dlq, and the text says what to do."""
    own = await own_database(database_url, "deploying_" + topic_prefix.strip("."))
    async with stack(kafka_bootstrap, own, topic_prefix, tmp_path) as replica:
        (tmp_path / "hello.yaml").write_text(FIRST)
        replica.more["FLOWS_FLOWS_DIR"] = ""
        await ran(replica, "deploy", "hello.yaml")
        replica.start()
        await replica.ready()
        await send(replica.settings, [event(1)])
        (request,) = await read(replica.settings, ACTIONS, lambda found: len(found) >= 1)
        connection = await asyncpg.connect(own)
        await connection.execute("update flow_versions set version = 'gone'")
        await connection.close()
        replica.kill()
        (tmp_path / "hello.yaml").write_text(SECOND)
        await ran(replica, "deploy", "hello.yaml", "--all")
        replica.start()
        await replica.ready()

        await answer(replica, request.value)

        (letter,) = await read(replica.settings, RUNS_DLQ, lambda found: len(found) >= 1)
        cause = dict(letter.headers)["cause"].decode() if "cause" in dict(letter.headers) else str(letter.headers)
        assert "was never deployed here: deploy it, then redrive" in cause
        ends = await read(replica.settings, HISTORY, lambda found: len(found) >= 1)
        assert orjson.loads(ends[0].value)["code"] == "flow_unknown"


def event(number: int) -> Any:
    """An event of a sender of its own."""
    return batches.event(number, source="/hooks/deploying")


async def answer(replica: ToolsProcess, request: bytes) -> None:
    """What services/actions writes when the call is done."""
    asked_for = orjson.loads(request)
    message = RunMessage(
        run=Run.model_validate(asked_for["run"]),
        answer=Answer(effect_id=asked_for["effect_id"], step=asked_for["step"], outputs={"status": 200, "headers": {}}),
    )
    producer = kafka.Producer(replica.settings)
    await producer.start()
    try:
        await (await producer.send(RUNS, message.run.event.key, message.to_bytes(), []))
    finally:
        await producer.stop()
