"""Echoes on a real PostgreSQL: each write answers once, replays decide the same, loops are held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import Run
from contracts.topics import ACTIONS, EVENTS_DLQ, HISTORY
from services.flows.sync import ReportedChange, Write, changed
from services.runtime import database
from services.runtime.tables.expiry import forget_expired
from services.tools.echoes.echo_tables import EchoTables
from services.tools.echoes.echoes import DatabaseEchoes, NoSuppression
from services.tools.echoes.entity_changes import known_of
from services.tools.echoes.loop_limits import LoopLimits
from services.tools.service import EXPIRING
from tests.support import batches
from tests.support.flows_command import flows

CLOSUM_TO_CRM = """
flow: closum-to-crm
on: closum.contact.updated
steps:
  - action: http.request
    connection: crm
    with: { method: PATCH, url: /c, json: { name: "${ trigger.name }" } }
    writes: { id: "${ trigger.contact_id }", fields: { name: "${ trigger.name }" } }
"""
CRM_TO_CLOSUM = """
flow: crm-to-closum
on: webhook.crm
steps:
  - action: closum.lead.update
    connection: closum
    with: { lead_id: "${ trigger.contact_id }", name: "${ trigger.name }" }
"""
TAGS_TO_CRM = """
flow: closum-tags-to-crm
on: closum.contact.updated
steps:
  - action: http.request
    connection: crm
    with: { method: PATCH, url: /c, json: { tags: "${ trigger.tags }" } }
    writes: { id: "${ trigger.contact_id }", fields: { tags: "${ trigger.tags }" } }
"""
TAGS_TO_CLOSUM = """
flow: crm-tags-to-closum
on: webhook.crm
steps:
  - for_each: "${ trigger.tags }"
    as: tag
    do:
      - action: closum.contact.add_tag
        connection: closum
        with: { contact_id: "${ trigger.contact_id }", tag: "${ tag }" }
"""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool, and no echoes."""
    await database.migrate(database_url)
    made = await database.connect(database_url, size=8)
    await made.execute("truncate echoes, echo_aliases, sync_ledger")
    yield made
    made.terminate()


def change(
    number: int, name: str, *, contact: str = "8", system: str = "crm", **more: Any
) -> tuple[Event, ReportedChange]:
    """A contact's name is changed in the CRM."""
    kind = "closum.contact.updated" if system == "closum" else f"webhook.{system}"
    data = {"contact_id": contact, "name": name, "changed": ["name"], "changes": {"name": {"after": name}}} | more
    event = Event(
        id=str(number), source=f"/hooks/{system}", type=kind, subject=contact, time=datetime.now(UTC), data=data
    )
    found = changed(event)
    assert found is not None
    return event, found


def write(number: int, name: str, *, contact: str = "8", hops: int | None = None) -> tuple[ActionRequest, Write]:
    """A call that sets a contact's name in the CRM."""
    event, _ = change(number, name, contact=contact, system="closum")
    run = Run(id=str(number), flow="f", version="v", event=event.model_copy(update={"hops": hops}), key=contact)
    request = ActionRequest(
        effect_id=stable_id("e", str(number)), action="http.request", inputs={}, step="0", run=run, requested=event.time
    )
    return request, Write("crm", {"id": contact}, {"name": name})


async def test_an_echo_is_suppressed_once_and_a_replay_of_it_again(pool: asyncpg.Pool) -> None:
    store = EchoTables(pool, LoopLimits())
    await store.write([write(1, "Ana")])
    await store.write([write(1, "Ana")])
    echo, other = change(1, "Ana"), change(2, "Ana")
    assert [one.decision for one in await store.judge([echo, other])] == ["suppressed", "passed"]
    assert [one.decision for one in await store.judge([other])] == ["passed"]
    assert [one.decision for one in await store.judge([echo])] == ["suppressed"]


async def test_the_echo_is_found_by_any_name_of_the_entity(pool: asyncpg.Pool) -> None:
    store = EchoTables(pool, LoopLimits())
    request, _ = write(1, "Ana")
    await store.write([(request, Write("crm", {"phone": "+351 912 345 678"}, {"name": "Ana"}))])
    (verdict,) = await store.judge([change(1, "ANA ", phone="351912345678")])
    assert (verdict.decision, verdict.near) == ("suppressed", 1)


async def test_what_is_known_of_one_entity_is_told_by_any_of_its_names(pool: asyncpg.Pool) -> None:
    store = EchoTables(pool, LoopLimits())
    request, _ = write(1, "Ana")
    await store.write([(request, Write("crm", {"phone": "+351 912 345 678"}, {"name": "Ana", "city": "Faro"}))])
    await store.judge([change(1, "Ana", phone="351912345678"), change(2, "Rui", phone="351912345678")])
    async with pool.acquire() as connection:
        writes, changes = await known_of(connection, "default", "+351912345678")
        assert await known_of(connection, "other", "+351912345678") == ([], [])
    assert [(one.system, one.flow, one.run_id, one.fields) for one in writes] == [
        ("crm", "f", "1", {"name": True, "city": False})
    ]
    assert [(one.system, one.event_id, one.decision) for one in changes] == [
        ("crm", "1", "suppressed"),
        ("crm", "2", "passed"),
    ]


async def test_another_contact_system_account_or_value_passes(pool: asyncpg.Pool) -> None:
    store = EchoTables(pool, LoopLimits())
    await store.write([write(1, "Ana")])
    event, _ = change(4, "Ana")
    elsewhere = event.model_copy(update={"account": "other"})
    in_another = changed(elsewhere)
    assert in_another is not None
    others = [change(1, "Ana", contact="9"), change(2, "Ana", system="closum"), change(3, "Rui")]
    verdicts = await store.judge([*others, (elsewhere, in_another)])
    assert [one.decision for one in verdicts] == ["passed"] * 4
    assert [one.event.hops for one in verdicts] == [None, None, 1, None]


async def test_a_write_is_forgotten_after_its_time(pool: asyncpg.Pool) -> None:
    store = EchoTables(pool, LoopLimits())
    await store.write([write(1, "Ana")])
    await pool.execute("update echoes set expires_at = now()")
    assert [one.decision for one in await store.judge([change(1, "Ana")])] == ["passed"]


async def test_verdicts_are_kept_as_long_as_the_setting_says(pool: asyncpg.Pool) -> None:
    """FLOWS_LEDGER_DAYS: after it, they are deleted."""
    store = EchoTables(pool, LoopLimits(ledger_seconds=0.05))
    await store.judge([change(1, "Ana")])
    assert await pool.fetchval("select count(*) from sync_ledger") == 1
    await asyncio.sleep(0.06)
    await forget_expired(pool, EXPIRING)
    assert await pool.fetchval("select count(*) from sync_ledger") == 0


async def test_workers_that_judge_at_the_same_time_use_each_write_once(pool: asyncpg.Pool) -> None:
    """Twenty writes, twenty echoes and twenty strangers with the same values, over four workers."""
    store = EchoTables(pool, LoopLimits())
    await store.write([write(number, "Ana") for number in range(20)])
    events = [change(number, "Ana") for number in range(40)]
    judged = await asyncio.gather(*(store.judge(events[part::4]) for part in range(4)))
    decisions = [one.decision for verdicts in judged for one in verdicts]
    assert decisions.count("suppressed") == 20


async def test_a_loop_is_held_and_people_in_turn_are_not(pool: asyncpg.Pool) -> None:
    """Each round comes back altered, so that no value gives it away: the hops and the rate do."""
    store = EchoTables(pool, LoopLimits(most_hops=3, most_a_minute=6))
    decisions = []
    hops: int | None = None
    for round_ in range(12):
        await store.write([write(round_, f"Ana {round_}", hops=hops)])
        (verdict,) = await store.judge([change(round_, f"Ana {round_}!")])
        decisions.append(verdict.decision)
        hops = verdict.event.hops
    assert decisions[:6] == ["passed"] * 6
    assert decisions[-1] == "held"
    slow = EchoTables(pool, LoopLimits(most_hops=3, most_a_minute=100))
    assert [one.decision for one in await slow.judge([change(99, "Eva")])] == ["passed"]


async def test_two_flows_that_answer_each_other_end_and_without_suppression_do_not(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Each write comes back as a change, from both systems."""

    async def rounds(echoes: DatabaseEchoes | NoSuppression, folder: Path, contact: str) -> tuple[int, list[str]]:
        flows = batches.compiled(folder, CLOSUM_TO_CRM, CRM_TO_CLOSUM)
        processor, published = batches.processor(flows, echoes=echoes)
        first, _ = change(0, "Ana", system="closum", contact=contact)
        waiting, calls = [first], 0
        while waiting and calls < 20:
            await processor.events([batches.record(each.to_bytes(), calls) for each in waiting])
            waiting = []
            for request in published.to(ACTIONS)[calls:]:
                calls += 1
                system = "crm" if request["connection"] == "crm" else "closum"
                waiting.append(change(calls, "Ana", system=system, contact=contact)[0])
        return calls, [end["outcome"] for end in published.to(HISTORY)]

    for name in ("on", "off"):
        (tmp_path / name).mkdir()
    assert await rounds(DatabaseEchoes(pool, LoopLimits()), tmp_path / "on", "on") == (1, ["suppressed"])
    assert (await rounds(NoSuppression(), tmp_path / "off", "off"))[0] == 20


async def test_tags_that_go_both_ways_end_where_they_began(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """The CRM sets the whole list, Closum gets one tag more: both tell of it as `tags` before and after."""

    async def rounds(echoes: DatabaseEchoes | NoSuppression, folder: Path, contact: str) -> tuple[int, set[str]]:
        flows = batches.compiled(folder, TAGS_TO_CRM, TAGS_TO_CLOSUM)
        processor, published = batches.processor(flows, echoes=echoes)
        there: dict[str, list[str]] = {"closum": ["old"], "crm": ["old", "vip"]}

        def told(number: int, system: str, before: list[str]) -> Event:
            now = {"tags": there[system], "changed": ["tags"]}
            pair = {"tags": {"before": before, "after": there[system]}}
            return change(number, "", system=system, contact=contact, **now, changes=pair)[0]

        waiting, calls = [told(0, "crm", ["old"])], 0
        while waiting and calls < 20:
            await processor.events([batches.record(each.to_bytes(), calls) for each in waiting])
            waiting = []
            for request in published.to(ACTIONS)[calls:]:
                calls += 1
                system, inputs = request["connection"], request["inputs"]
                before = there[system]
                there[system] = inputs["json"]["tags"] if system == "crm" else sorted({*before, inputs["tag"]})
                waiting.append(told(calls, system, before))
        return calls, {end["outcome"] for end in published.to(HISTORY)}

    for name in ("on", "off"):
        (tmp_path / name).mkdir()
    assert await rounds(DatabaseEchoes(pool, LoopLimits()), tmp_path / "on", "tags on") == (1, {"suppressed"})
    assert (await rounds(NoSuppression(), tmp_path / "off", "tags off"))[0] == 20


async def test_a_change_that_is_held_is_a_dead_letter_for_the_author(pool: asyncpg.Pool, tmp_path: Path) -> None:
    echoes = DatabaseEchoes(pool, LoopLimits(most_hops=1, most_a_minute=1))
    processor, published = batches.processor(batches.compiled(tmp_path, CRM_TO_CLOSUM), echoes=echoes)
    await echoes.write([write(1, "Ana", hops=2)])
    await processor.events([batches.record(change(number, f"{number}")[0].to_bytes(), number) for number in range(3)])
    (letter,) = [output for output in published.outputs if output.topic is EVENTS_DLQ][-1:]
    assert DeadLetter.from_headers(letter.headers or []).code is ErrorCode.SYNC_LOOP
    assert published.ends()[-1] == ("dead", "sync_loop")


async def test_a_person_sees_what_we_wrote_what_came_back_and_why(
    pool: asyncpg.Pool, database_url: str, tmp_path: Path
) -> None:
    """By any spelling of what the entity is known by."""
    store = EchoTables(pool, LoopLimits())
    request, _ = write(1, "Ana")
    await store.write([(request, Write("crm", {"phone": "+351 912 345 678"}, {"name": "Ana", "city": "Porto"}))])
    await store.judge([change(1, "Ana", phone="351912345678"), change(2, "Rui", phone="351912345678")])

    def explain(*arguments: str) -> str:
        done = flows("sync", "explain", *arguments, cwd=tmp_path, env={"DATABASE_URL": database_url})
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = json.loads(await asyncio.to_thread(explain, "00351912345678", "--json"))
    assert [(line["what"], line["decision"]) for line in told] == [
        ("write", "f"),
        ("change", "suppressed"),
        ("change", "passed"),
    ]
    assert "came back: name" in told[0]["why"]
    assert "waits for: city" in told[0]["why"]
    assert "our own write came back: name" in told[1]["why"]
    assert "Nothing was written" in await asyncio.to_thread(explain, "nobody@example.com")
