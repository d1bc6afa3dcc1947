"""A bad deploy, a sender's bad data and a backlog at once, on the real process: only runs of the bad flow wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from contracts.events import Event
from contracts.topics import ACTIONS, EVENTS_DLQ
from services.cli.deployments import from_paths
from services.tools.deployed import deployment_tables
from services.tools.settings import ToolsSettings
from tests.support import batches
from tests.support.tools_process import ToolsProcess, read, send, stack

CALL = """
  - action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { n: "${ trigger.message_id }" } }
"""
WELL = f"""
flow: well
on: closum.whatsapp.message_received
steps:{CALL}"""
WRONG = f"""
flow: wrong
on: closum.whatsapp.message_received
steps:
  - set: {{ field: "${{ dyn(trigger).misspelled }}" }}{CALL}"""
MENDED = WRONG.replace("dyn(trigger).misspelled", "trigger.message_id")
FORM = f"""
flow: form
on: closum.lead.created
steps:
  - tool: phone.format
    with: {{ number: "${{ trigger.mobile_number }}", region: "${{ dyn(trigger).country }}" }}
{CALL.replace("message_id", "name")}"""
BAD_FORMS, BACKLOG = 110, 600
FEW = {"FLOWS_DEAD_LETTER_RUN": "20", "FLOWS_BATCH_SIZE": "50"}


async def deploy(url: str, folder: Path, *texts: str) -> None:
    """These flows run from now on."""
    files = []
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
        files.append(folder / f"{number}.yaml")
    connection = await asyncpg.connect(url)
    try:
        await deployment_tables.deploy(connection, from_paths(files, None, alone=True), "a test")
    finally:
        await connection.close()


def deployed(replica: ToolsProcess) -> ToolsProcess:
    """The same with what is deployed to the database, instead of a folder."""
    settings = ToolsSettings(**{**replica.settings.model_dump(), "flows_dir": None})
    return ToolsProcess(settings, replica.folder, dict(FEW))


def lead(number: int, prefix: str, contact: int) -> Event:
    """A message of one of many contacts."""
    data: dict[str, Any] = {"message_id": str(number), "from": "+351 912 345 678", "text": "x", "contact": {}}
    source = f"/hooks/{prefix}"
    return batches.event(number, id=str(number), source=source, subject=f"contact-{contact}", data=data)


def form(number: int, prefix: str, country: str) -> Event:
    """A form that somebody filled in."""
    return batches.event(
        number,
        type="closum.lead.created",
        id=f"form-{number}",
        source=f"/hooks/{prefix}",
        subject=f"person-{number}",
        data={"name": "Ana", "mobile_number": "912345678", "country": country},
    )


def flows_of(requests: list[Any]) -> Counter[str]:
    """How many runs of each flow asked for a call."""
    return Counter({(run := orjson.loads(one.value)["run"])["flow"] + "/" + run["event"]["id"] for one in requests})


def settled(least: int) -> Callable[[list[Any]], bool]:
    """Whether so many are there, and no more come."""
    last = [0.0, 0.0]

    def enough(found: list[Any]) -> bool:
        if len(found) != last[0]:
            last[:] = [len(found), time.monotonic()]
        return len(found) >= least and time.monotonic() - last[1] > 1

    return enough


async def test_nobody_waits_for_a_bad_flow_and_it_goes_on_when_it_is_rolled_back(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """A healthy backlog passes, an honest form passes, few runs of the bad flow die; the others wait, and go on."""
    async with stack(kafka_bootstrap, own_database, topic_prefix, tmp_path, partitions=2) as first:
        await deploy(own_database, tmp_path, WELL, WRONG, FORM)
        replica = deployed(first)
        try:
            replica.start()
            await replica.ready()
            backlog = [lead(number, topic_prefix, number % 150) for number in range(BACKLOG)]
            forms = [form(number, topic_prefix, "Portugal") for number in range(BAD_FORMS)]
            began = time.monotonic()
            await send(replica.settings, [*forms, *backlog, form(BAD_FORMS, topic_prefix, "PT")])

            def passed(found: list[Any]) -> bool:
                counted = flows_of(found)
                well = sum(name.startswith("well/") for name in counted)
                return well == BACKLOG and f"form/form-{BAD_FORMS}" in counted

            await read(replica.settings, ACTIONS, passed, 30)
            assert time.monotonic() - began < 10, "healthy leads waited"
            metrics = await replica.until("/metrics", lambda _, text: 'flows_runs_held{flow="wrong"}' in text)
            assert 'flows_flow_held{flow="wrong"} 1.0' in metrics
            assert 'flows_flow_held{flow="form"} 1.0' not in metrics
            assert replica.get("/readyz")[0] == 200  # other flows are well: no reason to take this replica away

            replica.kill()  # what waits is in PostgreSQL
            replica.start()
            await replica.ready()
            await deploy(own_database, tmp_path, WELL, MENDED, FORM)
            gone = 'flows_runs_held{flow="wrong"} 0.0'
            await replica.until("/metrics", lambda _, text: gone in text)
            letters = await read(replica.settings, EVENTS_DLQ, settled(BAD_FORMS + 20))
            requests = await read(replica.settings, ACTIONS, settled(BACKLOG))
            dead = {orjson.loads(one.value)["id"] for one in letters if b'"form-' not in one.value}
            begun = {name for name in flows_of(requests) if name.startswith("wrong/")}
            assert len(begun | {f"wrong/{one}" for one in dead}) == BACKLOG
            assert len(dead) < BACKLOG // 2
            wrong = [orjson.loads(one.value)["run"] for one in requests]
            orders: dict[str, list[int]] = {}
            for run in wrong:
                if (
                    run["flow"] == "wrong"
                    and run["event"]["id"] not in dead
                    and int(run["event"]["id"]) not in orders.setdefault(run["key"], [])
                ):
                    orders[run["key"]].append(int(run["event"]["id"]))
            assert {key: numbers for key, numbers in orders.items() if numbers != sorted(numbers)} == {}
            assert replica.stop() == 0
        finally:
            replica.kill()
