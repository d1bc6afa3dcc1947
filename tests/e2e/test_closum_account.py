"""The examples against an account of Closum that is other than assumed, after one command: verify, learn or listen.

The path is the real one: webhooks to ingest, Kafka, tools, actions over PostgreSQL, HTTP to the made account. One set
of topics and one tools process serves all three; ingest and actions start anew with each closum.yaml, as a user would.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from contracts.topics import HISTORY
from services.cli.topic_records import read
from services.runtime.settings import RuntimeSettings
from tests.integration.test_actions_connections import serving
from tests.support import ingest
from tests.support import made_account as made
from tests.support.actions import Kafka, kafka, worker
from tests.support.example_flows import SENT, TOKEN, TOLD, Others, Person, made_flows, made_sources
from tests.support.flows_command import environ, flows
from tests.support.made_account import SECRET, Account, Dialect, made_account
from tests.support.made_collection import made_collection
from tests.support.tools_process import send, stack
from tests.unit.cli.test_closum_verify import ENV, OWN, folder_of

PATIENCE_SECONDS = 120


def other_form(source: str, body: dict[str, Any]) -> Any:
    """A webhook as the account of `listen` sends it: other names, envelopes, words, ids, one as a batch."""
    if source == "whatsapp":
        data = {"uid": body["message_id"], "remetente": body["from"], "mensagem": body["text"]}
        return {"type": "whatsapp.inbound", "data": data}
    if source == "sms":
        payload = {"uid": body["message_id"], "to": body["recipient"], "estado": "Falhou", "when": 1772443800}
        return {"events": [{"delivery_id": body["message_id"], "kind": "sms.dlr", "payload": payload}]}
    if source == "leads":
        lead = {"uuid": body["lead_id"], "nome": body["name"], "contact_email": body["email"]}
        return {"event": "lead.created", "lead": {**lead, "telemovel": f"+{body['mobile_number']}"}}
    if source == "closum":
        contact = {"id": body["contact_id"], "telemovel": f"+{body['mobile_number']}", "changes": body["changes"]}
        return {"event": "contact.updated", "notification_id": body["event_id"], "contact": contact}
    contact = {"id": body["contact_id"], "contact_email": body["email"], "telemovel": f"+{body['mobile_number']}"}
    return [{"action": "unsubscribe", "contact": contact, "via": "email"}]


def verified(account: Account, folder: Path) -> None:
    """`flows closum verify`, as a person with a key and a phone of their own."""
    done = flows("closum", "verify", "--write", "--yes", "--apply", *OWN, cwd=folder, env=ENV, seconds=120)
    assert done.returncode == 0, done.stdout + done.stderr
    account.sent.clear()


def learned(account: Account, folder: Path) -> None:
    """`flows closum learn`, of the collection that the account has published."""
    (folder / "collection.json").write_text(json.dumps(made_collection(account.dialect)))
    done = flows("closum", "learn", "collection.json", "--apply", cwd=folder, env=ENV)
    assert done.returncode == 0, done.stdout + done.stderr
    assert account.calls == []


def listened(account: Account, folder: Path) -> None:
    """`flows closum listen`, while a person sets every webhook off once."""
    sent = [other_form(*one) for one in Person(9).webhooks()]
    command = [sys.executable, "-m", "services.cli", "closum", "listen", "--apply"]
    command += ["--port", "0", "--requests", str(len(sent)), "--seconds", "60"]
    with subprocess.Popen(
        command, cwd=folder, env=environ({**ENV, "PYTHONUNBUFFERED": "1"}), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("Listening: ").strip()
        for body in sent:
            request = urllib.request.Request(address, json.dumps(body).encode())  # noqa: S310 - to ourselves
            assert urllib.request.urlopen(request, timeout=10).status == 200  # noqa: S310 - to ourselves
        told = process.stdout.read()
        assert process.wait(30) == 0, told
    assert account.calls == []


WAYS: dict[str, tuple[Callable[[Account, Path], None], Dialect, Callable[[str, dict[str, Any]], Any]]] = {
    "verify": (verified, made.TEN_OTHERS, lambda _, body: body),
    "learn": (learned, replace(made.TEN_OTHERS, a_second=5), lambda _, body: body),
    "listen": (listened, replace(made.AS_ASSUMED, a_second=5), other_form),
}
"""The command, the account, and how it tells. `learn` and `listen` are told no limit, and meet it in the calls."""


async def test_the_examples_pass_after_one_command_each(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Every example that has to do with Closum does what it says there; none ends dead or unknown."""
    async with AsyncExitStack() as around:
        replica = await around.enter_async_context(stack(kafka_bootstrap, own_database, topic_prefix, tmp_path))
        made_flows(tmp_path / "flows")
        topics = await around.enter_async_context(kafka(kafka_bootstrap, topic_prefix))
        settings = {
            "KAFKA_BOOTSTRAP": kafka_bootstrap,
            "DATABASE_URL": own_database,
            "FLOWS_TOPIC_PREFIX": topic_prefix,
            **made_sources(tmp_path / "gateway"),
        }
        replica.start()
        for number, way in enumerate(WAYS, 1):
            await _played(way, Person(number), topics, tmp_path, settings)
        await replica.ready()
        ends = Counter([end["outcome"] async for end in _ends(replica.settings)])
    assert not {"dead", "unknown"} & ends.keys(), ends


async def _played(way: str, person: Person, topics: Kafka, folder: Path, settings: dict[str, str]) -> None:
    command, dialect, told = WAYS[way]
    others = Others(person)
    async with AsyncExitStack() as around:
        account = around.enter_context(made_account(dialect))
        port = await around.enter_async_context(serving(others.handle))
        project = folder / way
        (project / "acting").mkdir(parents=True)
        folder_of(account, project)
        with (project / "connections.yaml").open("a") as file:
            for name in ("crm", "slack", "companies"):
                file.write(f"  {name}: {{ base_url: 'http://127.0.0.1:{port}/{name}' }}\n")
        await asyncio.to_thread(command, account, project)
        own = {
            "FLOWS_CLOSUM_FILE": str(project / "closum.yaml"),
            "FLOWS_CONNECTIONS_FILE": str(project / "connections.yaml"),
            "CLOSUM_API_KEY": SECRET,
        }
        acting = around.enter_context(worker(topics, project / "acting", "", settings["DATABASE_URL"], **own))
        acting.start()
        starting = around.enter_context
        gateway = await asyncio.to_thread(starting, ingest.running(folder / "gateway", **settings, **own))
        await asyncio.to_thread(gateway.until_ready, PATIENCE_SECONDS)
        await acting.says("service.started", PATIENCE_SECONDS)
        for lead, name in ((person.lead, "old"), (person.stopped, "stopped")):
            agreed = {"consent_email": True, "consent_sms": True}
            account.leads[lead] = {"lead_id": lead, "email": person.email(name), **agreed}
        client = await around.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))

        async def hook(source: str, body: Any) -> None:
            answer = await client.post(f"{gateway.url}/v1/hooks/{source}/{TOKEN}", json=body)
            assert answer.status_code == 202, (way, source, answer.text)

        await asyncio.gather(*(hook(source, told(source, body)) for source, body in person.webhooks()))
        await asyncio.gather(*(hook(*one) for one in person.others()))
        await send(topics.settings, person.schedules())
        await _waits_for_an_answer(settings["DATABASE_URL"])
        await hook("whatsapp", told("whatsapp", person.reply()))
        await _until(lambda: _sent(account) == SENT and _wrote(account, others, person), account, others, acting.logged)
        assert acting.stop() == 0
    assert way == "verify" or account.limited, way


async def _waits_for_an_answer(database: str) -> None:
    """Until the question was sent; then a run of `nps` waits for three days, which are its second wait."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await connection.fetchval(  # noqa: ASYNC110 - it has no event
                "select count(*) from timers where flow = 'nps' and due > now() + interval '1 day'"
            ):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


def _sent(account: Account) -> Counter[tuple[str, str]]:
    return Counter((channel, given["template"]) for channel, given in account.sent)


def _wrote(account: Account, others: Others, person: Person) -> bool:
    """Whether all leads are there and are as they were told to be, and everybody else was told."""
    named = {lead["name"]: lead for lead in account.leads.values() if "name" in lead}
    changed, stopped = account.leads[person.lead], account.leads[person.stopped]
    return (
        named.keys() == {"Rui Costa", "Ana Lima", "Bia"}
        and bool(named["Rui Costa"]["consent_email"])
        and named["Ana Lima"]["tags"] == ["x", "y"]
        and (changed["email"], changed.get("tags")) == (person.email("new"), ["empresa"])
        and not stopped["consent_email"]
        and not stopped["consent_sms"]
        and others.calls == TOLD
    )


async def _until(true: Callable[[], bool], account: Account, others: Others, logged: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{account.sent}\n{account.leads}\n{others.calls}\n{account.calls}\n{logged()[-4000:]}")


async def _ends(settings: RuntimeSettings) -> Any:
    async for record in read(settings, HISTORY):
        end = orjson.loads(record.value or b"{}")
        if end.get("kind") != "attempt":
            yield end
