"""Kafka and PostgreSQL go and come back, at the start and at work: services wait visibly, and go on with everything."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import orjson
import pytest

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database
from tests.support import ingest
from tests.support.both import Both, both

LEADS = 200
RECOVERY_SECONDS = 5.0
"""Alone on two cores it is below 1.5."""
MOST_LINES = 12
"""Of one process that waits: each part, each change of what it says, and the clients' own words."""


def name_of(url: str) -> str:
    """Of its database."""
    return urlsplit(url).path.strip("/")


async def sql(server: str, *statements: str) -> None:
    """As an operator does, over a database that is not the tests'."""
    connection = await asyncpg.connect(urlsplit(server)._replace(path="/postgres").geturl())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def cut(name: str) -> str:
    """End all connections of a database."""
    return f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"  # noqa: S608 - ours


async def failed_over(server: PostgresServer, name: str) -> None:
    """The primary is a replica from now on; then another one is primary, and connections to the old one stay."""
    await sql(server.url, f"alter database {name} set default_transaction_read_only = on", cut(name))
    await asyncio.sleep(1.0)  # the time that electing a primary takes
    await sql(server.url, f"alter database {name} reset default_transaction_read_only")


async def killed(server: PostgresServer, _name: str) -> None:
    """As a machine that loses power."""
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


async def cut_off(server: PostgresServer, name: str) -> None:
    """All connections at once."""
    await sql(server.url, cut(name))


async def too_slow(server: PostgresServer, name: str) -> None:
    """Each statement is cancelled by the server's own limit."""
    await sql(server.url, f"alter database {name} set statement_timeout = '1ms'", cut(name))
    await asyncio.sleep(1.0)
    await sql(server.url, f"alter database {name} reset statement_timeout", cut(name))


FAULTS: tuple[Callable[[PostgresServer, str], Awaitable[None]], ...] = (cut_off, killed, failed_over, too_slow)


async def test_postgresql_fails_in_every_way_under_load_and_nothing_is_lost_or_done_twice(
    kafka_bootstrap: str, postgres_server: PostgresServer, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Each fault while hundreds of runs are under way; the next call is made within seconds of its return."""
    async with both(kafka_bootstrap, own_database, topic_prefix, tmp_path) as stage:
        stage.start()
        await stage.through(10)
        for fault in FAULTS:
            wanted = await stage.send(LEADS // len(FAULTS), contacts=50)
            await fault(postgres_server, name_of(own_database))
            back, before = time.monotonic(), len(stage.bodies())
            while len(stage.bodies()) == before and wanted - stage.seen():
                assert time.monotonic() - back < RECOVERY_SECONDS, (fault.__name__, stage.logged()[-3000:])
                await asyncio.sleep(0.02)
            await stage.ended(wanted)
        calls = Counter((body["n"], "second" in body) for body in stage.bodies())
        assert set(calls.values()) == {1}
        assert len(calls) == 2 * (LEADS + 10)
        stage.stop()


async def test_a_pool_leaves_a_server_that_is_no_primary_any_more(
    postgres_server: PostgresServer, own_database: str
) -> None:
    """Its connections would stay, and refuse each write for ever."""
    name = name_of(own_database)
    await sql(postgres_server.url, f"alter database {name} set default_transaction_read_only = on")
    pool = await database.connect(own_database)
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pool.execute("create table made (n int)")
        await sql(postgres_server.url, f"alter database {name} reset default_transaction_read_only")
        async with asyncio.timeout(10):
            await database.patiently("a test", lambda: pool.execute("create table made (n int)"))
    finally:
        await pool.close()


def readiness(port: str | int) -> tuple[int, str]:
    """What /readyz says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


async def test_started_before_kafka_and_postgresql_in_any_order_they_wait_visibly_and_go_on(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    kafka_server: KafkaServer,
    postgres_server: PostgresServer,
    own_database: str,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    """All three services, first without both, then without PostgreSQL alone: not ready, few words, then at work."""
    environ = {"KAFKA_BOOTSTRAP": kafka_server.bootstrap, "FLOWS_TOPIC_PREFIX": topic_prefix}
    for part in (kafka_server, postgres_server):  # for the tests that come
        request.addfinalizer(part.start)
    async with both(kafka_server.bootstrap, own_database, topic_prefix, tmp_path) as stage:
        for late in ((postgres_server, kafka_server), (postgres_server,)):
            for part in late:
                await asyncio.to_thread(part.kill)
            stage.tools.log.unlink(missing_ok=True)
            stage.worker.log.unlink(missing_ok=True)
            stage.start()
            with ingest.running(tmp_path, DATABASE_URL=own_database, **environ) as gateway:
                ports = (stage.tools.settings.health_port, stage.worker.environ["FLOWS_HEALTH_PORT"])
                await _all_wait(stage, ports)
                for part in late[:-1]:
                    await asyncio.to_thread(part.start)
                    await asyncio.sleep(0.5)
                    assert [readiness(port or 0)[0] for port in ports] == [503, 503]
                if kafka_server in late:
                    assert not gateway.ready()["ready"]
                _few_words(stage, gateway)
                await asyncio.to_thread(late[-1].start)
                for port in (*ports, gateway.health_port):
                    async with asyncio.timeout(60):
                        while readiness(port or 0)[0] != 200:  # noqa: ASYNC110 - it has no event
                            await asyncio.sleep(0.1)
                wanted = await _hooked(gateway.url, stage)
                await stage.ended(wanted)
            _few_words(stage, gateway)
            stage.stop()


async def _all_wait(stage: Both, ports: tuple[str | int | None, ...]) -> None:
    def waiting() -> bool:
        told = all('"start.delayed"' in text for text in (stage.tools.log.read_text(), stage.worker.logged()))
        return told and all(readiness(port or 0)[0] == 503 for port in ports)

    async with asyncio.timeout(30):
        while not waiting():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)  # in which a flood would come


def _few_words(stage: Both, gateway: ingest.Ingest) -> None:
    for text in (stage.tools.log.read_text(), stage.worker.logged(), gateway.text()):
        lines = [line for line in text.splitlines() if any(f'"{level}"' in line for level in ("warning", "error"))]
        assert len(lines) <= MOST_LINES, "\n".join(lines)


async def _hooked(url: str, stage: Both) -> set[str]:
    number = str(stage.sent)
    stage.sent += 1
    event = {
        "specversion": "1.0",
        "id": number,
        "source": "/test",
        "type": "closum.whatsapp.message_received",
        "data": {"message_id": number, "from": "+351912345678", "text": "Olá", "contact": {"name": "Inês"}},
    }
    async with httpx.AsyncClient(trust_env=False, headers=ingest.BEARER) as client:
        answer = await client.post(
            f"{url}/v1/events", content=orjson.dumps(event), headers={"Content-Type": "application/cloudevents+json"}
        )
    assert answer.status_code == 202, answer.text
    return {number}
