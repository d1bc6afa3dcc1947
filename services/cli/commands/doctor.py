"""`flows doctor`: look at an installation and say what is wrong with it, and what to do."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Annotated

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from cyclopts import Parameter

from contracts.topics import ALL
from services.cli import installation
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, show
from services.runtime.settings import RuntimeSettings

SECONDS = 10.0
COLUMNS = ("what", "finding", "remedy")
command = declare("doctor", OPERATE)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Without a remedy it is well."""

    what: str
    finding: str
    remedy: str = ""


@command.default
def look(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Look at settings, Kafka, topics, PostgreSQL and tables; say what is wrong and what to do. Exit code 1 if any is.

    Parameters
    ----------
    as_json:
        Print a JSON array.
    """
    findings = [Finding("Python", sys.version.split()[0])]
    try:
        settings = installation.settings()
        findings.append(Finding("settings", "well"))
        findings += asyncio.run(_servers(settings))
    except CommandError as error:
        findings.append(Finding("settings", str(error), "Correct them; .env.example describes each"))
    show(map(asdict, findings), COLUMNS, as_json=as_json, empty="")
    return 1 if any(finding.remedy for finding in findings) else 0


async def _servers(settings: RuntimeSettings) -> list[Finding]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    kafka, database = await asyncio.gather(
        _looked("Kafka", settings.kafka_bootstrap, lambda: _kafka(settings)),
        _looked("PostgreSQL", "its address", lambda: _database(settings)),
    )
    return [*kafka, *database]


async def _looked(what: str, address: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """The findings, or that it does not answer."""
    try:
        return await asyncio.wait_for(look(), SECONDS)
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        said = f"does not answer at {address}: {error or 'no answer in time'}"
        return [Finding(what, said, installation.how_to_reach(what))]


async def _kafka(settings: RuntimeSettings) -> list[Finding]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    try:
        await admin.start()
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    missing = [name for topic in ALL if (name := topic.under(settings.topic_prefix)) not in there]
    answers = Finding("Kafka", f"answers at {settings.kafka_bootstrap}")
    if missing:
        return [answers, Finding("topics", f"missing: {', '.join(missing)}", "flows topics apply")]
    return [answers, Finding("topics", f"all {len(ALL)} are there")]


async def _database(settings: RuntimeSettings) -> list[Finding]:
    connection = await asyncpg.connect(settings.database_url, timeout=SECONDS)
    try:
        version = await connection.fetchval("show server_version")
        applied = set()
        if await connection.fetchval("select to_regclass('migrations')"):
            applied = {row["name"] for row in await connection.fetch("select name from migrations")}
    finally:
        await connection.close()
    wanted = {
        entry.name for entry in (files("services.runtime") / "migrations").iterdir() if entry.name.endswith(".sql")
    }
    answers = Finding("PostgreSQL", f"answers, version {version}")
    if wanted - applied:
        return [answers, Finding("tables", f"to be applied: {', '.join(sorted(wanted - applied))}", "flows db migrate")]
    return [answers, Finding("tables", "up to date")]
