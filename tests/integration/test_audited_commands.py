"""Every command by which a person decides something writes a row of `audit` in the transaction that changes it.

Every command stands in one of the tables below: a new one has to be put there, and is tried.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import Run
from contracts.topics import ACTIONS, ACTIONS_DLQ
from services.actions.journal import unknowns
from services.actions.journal.effects import Key
from services.cli.__main__ import COMMANDS, app
from services.flows.outcomes import Sleep
from services.flows.waiting import timer_id
from services.runtime.kafka import ConsumedRecord
from services.tools.timers.timer import timer_of
from services.tools.timers.timer_table import TimerTable
from tests.support import batches
from tests.support.actions import Kafka, kafka, request
from tests.support.flows_command import flows

DECIDES: dict[str, tuple[str, ...]] = {
    "deploy": ("deploy", "one.yaml"),
    "rollback": ("rollback",),
    "reschedule": ("reschedule", "--run", "r" * 32, "--in", "2h"),
    "cancel": ("cancel", "--flow", "drip"),
    "rotation list": ("rotation", "list", "team", "--away", "ana"),
    "dead redrive": ("dead", "redrive", "actions.dlq/0/0"),
    "dead drop": ("dead", "drop", "actions.dlq/0/1", "--reason", "a test"),
    "unknown done": ("unknown", "done", "effect-done", "--reason", "a test"),
    "unknown resend": ("unknown", "resend", "effect-resend", "--reason", "a test"),
    "connections login": (),  # a person's consent, in a browser: tests/integration/test_actions_sign_ins.py
    "unknown verify": (),  # as `done` and `resend`, where the destination can say
}
"""What a person decides, with a command line that does."""
LOOKS: dict[str, tuple[str, ...]] = {
    "connections list": (),
    "dead list": ("dead", "list", "--each"),
    "dead show": ("dead", "show", "actions.dlq/0/0"),
    "doctor": (),
    "errors": ("errors",),
    "list": ("list",),
    "rotation show": ("rotation", "show", "team"),
    "run": (),
    "runs": ("runs", "--waiting"),
    "show": (),
    "sync explain": (),
    "unknown list": ("unknown", "list", "--decided"),
}
"""What only reads, with a command line that asks PostgreSQL, where one does so here."""
HERE = {
    "catalog",
    "check",
    "closum facts",
    "closum learn",
    "closum listen",
    "connections new",
    "connections presets",
    "explain",
    "sources learn",
    "sources list",
    "sources new",
    "sources presets",
    "test",
    "tokens list",
}
"""What reads and writes files of this folder, or nothing: whoever keeps the files knows who changed them."""
ELSEWHERE = {
    "closum verify": "calls that it says beforehand, as any flow makes them, and a file of this folder",
    "connections test": "a call, as any flow makes one",
    "db migrate": "tables, each by a migration that `migrations` tells of with its time",
    "demo": "an installation of its own, gone at its end",
    "dev": "an installation of its own; it deploys as `deploy` does",
    "send": "an event, as any sender sends one",
    "tokens new": "the tokens file, which is kept as other files with secrets are",
    "tokens revoke": "the same",
    "tokens rotate": "the same",
    "topics apply": "topics that are missing, of Kafka",
}
"""What changes something that no person decides about a run, a call or an event."""

WATCH = """
create table changed (transaction xid8, what text);
create function note_change() returns trigger language plpgsql as
    $$ begin insert into changed values (pg_current_xact_id(), tg_table_name); return null; end $$;
do $$ declare one text; begin
    for one in select tablename from pg_tables where schemaname = 'public' and tablename <> 'changed' loop
        execute format('create trigger noted after insert or update or delete on %I'
                       ' for each row execute function note_change()', one);
    end loop;
end $$;
"""
# A redriven run is alive before its record is in Kafka, and so before the decision is committed: whoever reads that
# record must find it alive.
UNTOLD = """
select distinct what from changed
where transaction not in (select transaction from changed where what = 'audit') and what <> 'dead_runs'
"""


def leaves() -> set[str]:
    """Every command with its second word, where it has one."""
    named = {name: [word for word in app[name] if not word.startswith("-")] for name in COMMANDS}
    return {f"{name} {word}".strip() for name, words in named.items() for word in words or [""]}


def test_every_command_is_known_here() -> None:
    """A new one is put into the table that tells the truth of it."""
    tables = [set(DECIDES), set(LOOKS), HERE, set(ELSEWHERE)]
    assert leaves() == set.union(*tables)
    assert sum(map(len, tables)) == len(leaves())


@dataclass
class Stage:
    """An installation without processes, in which everything is there to be decided."""

    connection: asyncpg.Connection
    run: Callable[..., str]


@pytest.fixture
async def stage(kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Two deployments, a wait, a rotation, two dead letters and two calls of unknown outcome."""
    (tmp_path / "one.yaml").write_text(batches.ONE_CALL)
    (tmp_path / "two.yaml").write_text(batches.TWO_CALLS)
    settings = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix, "DATABASE_URL": own_database}

    def run(*arguments: str, **more: str) -> str:
        done = flows(*arguments, cwd=tmp_path, env=settings | more)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    async with kafka(kafka_bootstrap, topic_prefix, partitions=1) as topics:
        pool = await asyncpg.create_pool(own_database, min_size=1, max_size=1)
        try:
            await _fill(pool, topics)
        finally:
            await pool.close()
        await asyncio.to_thread(run, "deploy", "two.yaml")
        connection = await asyncpg.connect(own_database)
        try:
            yield Stage(connection, run)
        finally:
            await connection.close()


async def _fill(pool: asyncpg.Pool, topics: Kafka) -> None:
    now = datetime.now(UTC)
    event = batches.event(1)
    run = Run(id="r" * 32, flow="drip", version="v", event=event, key=event.subject, at="0")
    await TimerTable(pool).set([timer_of(Sleep(run, timer_id(run.id, "0"), now + timedelta(days=1)))])
    for offset in range(2):
        told = DeadLetter.of(("actions", 0, offset), ErrorCode.CALL_REJECTED, "no", "actions", run_id=f"r{offset}")
        one = request(offset)
        await (await topics.producer.send(ACTIONS_DLQ, one.key, one.to_bytes(), list(told.to_headers())))
    for name in ("effect-done", "effect-resend"):
        one = request(9, effect_id=name)
        record = ConsumedRecord(ACTIONS, ACTIONS.name, 0, 0, one.key, one.to_bytes(), [])
        await unknowns.keep(pool, Key("default", name), one, record, code=ErrorCode.CALL_LOST, cause="who knows")


async def test_what_is_decided_is_told_in_the_transaction_that_changes_it(stage: Stage) -> None:
    """Whatever else a transaction changes: none is without its row."""
    await stage.connection.execute(WATCH)
    for name, arguments in DECIDES.items():
        if not arguments:
            continue
        before = await stage.connection.fetchval("select count(*) from audit")
        await asyncio.to_thread(stage.run, *arguments)
        assert await stage.connection.fetchval("select count(*) from audit") == before + 1, name
        assert [row["what"] for row in await stage.connection.fetch(UNTOLD)] == [], name
    told = await stage.connection.fetch("select * from audit where action = $1 order by number", unknowns.DECIDED)
    assert [(row["target"], row["reason"], json.loads(row["became"])["decided"]) for row in told] == [
        ("effect-done", "a test", "done"),
        ("effect-resend", "a test", "resend"),
    ]
    assert all(row["who"].endswith(", direct") for row in told)
    assert json.loads(told[0]["was"]) == {"code": "call_lost", "run_id": "r9", "went_on": False}


async def test_what_looks_changes_nothing(stage: Stage, own_database: str) -> None:
    """It works on a database that takes no writes, such as one that is failing over."""
    await asyncio.to_thread(stage.run, "rotation", "list", "team", "--away", "ana")
    readonly = f"{own_database}?{urlencode({'default_transaction_read_only': 'on'})}"
    for arguments in LOOKS.values():
        if arguments:
            await asyncio.to_thread(stage.run, *arguments, DATABASE_URL=readonly)
