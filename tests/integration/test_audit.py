"""What people decide is written with who, when, before and after: in the transaction of the change, or neither is."""

from __future__ import annotations

import getpass
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from services.cli.deployments import back_to, from_paths
from services.flows.outcomes import Sleep
from services.flows.waiting import timer_id
from services.runtime.dead_letters import decisions
from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.tables import audit
from services.tools.deployed import deployment_tables
from services.tools.state.rotation_absences import switch
from services.tools.timers import waits
from services.tools.timers.timer import timer_of
from services.tools.timers.timer_table import TimerTable
from tests.integration.test_timers import made
from tests.support.batches import ONE_CALL, TWO_CALLS

ME = f"{getpass.getuser()}@{socket.gethostname()}, direct"


@pytest.fixture
async def connection(own_database: str) -> AsyncIterator[asyncpg.Connection]:
    """To a database of this test alone."""
    one = await asyncpg.connect(own_database)
    yield one
    await one.close()


async def rows(connection: asyncpg.Connection) -> list[tuple[str, str, str, str, Any, Any]]:
    """What is written: who, action, target, reason, before, after."""
    found = await connection.fetch("select * from audit order by number")
    assert all(abs(datetime.now(UTC) - row["at"]) < timedelta(minutes=1) for row in found)
    return [
        (row["who"], row["action"], row["target"], row["reason"], *map(_read, (row["was"], row["became"])))
        for row in found
    ]


def _read(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)


def letter(number: int) -> FoundDeadLetter:
    """A dead letter."""
    told = DeadLetter.of(("actions", 0, number), ErrorCode.CALL_REJECTED, "no", "actions", run_id=f"r{number}")
    return FoundDeadLetter(f"actions.dlq/0/{number}", told, b"{}", guard=f"x/{number}@1")


async def test_deployments_and_rollbacks(connection: asyncpg.Connection, tmp_path: Path) -> None:
    """Which versions, of the flows that changed; the same content again is no change."""

    async def deploy(*texts: str) -> deployment_tables.Deployment:
        files = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return await deployment_tables.deploy(connection, from_paths(files, None, alone=False), ME, "as asked")

    first = await deploy(ONE_CALL, TWO_CALLS)
    second = await deploy(ONE_CALL.replace("/contacts", "/people"))
    await deploy(ONE_CALL.replace("/contacts", "/people"))
    versions = await deployment_tables.versions(connection, first.flows.items())
    third = await deployment_tables.deploy(
        connection, back_to(first, versions), ME, "back to 1", action=deployment_tables.ROLLED_BACK
    )
    old, new = {"one-call": first.flows["one-call"]}, {"one-call": second.flows["one-call"]}
    assert await rows(connection) == [
        (ME, "deployment.made", "deployment 1", "as asked", None, {"number": 1, "flows": dict(first.flows)}),
        (
            ME,
            "deployment.made",
            "deployment 2",
            "as asked",
            {"number": 1, "flows": old},
            {"number": 2, "flows": new},
        ),
        (
            ME,
            "deployment.rolled_back",
            "deployment 3",
            "back to 1",
            {"number": 2, "flows": new},
            {"number": third.number, "flows": old},
        ),
    ]


async def test_dead_letters(connection: asyncpg.Connection) -> None:
    """One row for each that was decided, by whom it was; who comes second decides nothing."""
    done = await decisions.decide(connection, [letter(1), letter(2)], "dropped", "a test", who=ME)
    assert len(done) == 2
    again = await decisions.decide(
        connection, [letter(2), letter(3)], "redriven", "better", who="FLOWS_ADMIN_TOKEN", changed=["inputs.json.a"]
    )
    assert [one.id for one in again] == ["actions.dlq/0/3"]
    before = [{"code": "call_rejected", "run_id": f"r{number}", "effect_id": None} for number in range(4)]
    assert await rows(connection) == [
        (ME, "dead_letter.dropped", "actions.dlq/0/1", "a test", before[1], None),
        (ME, "dead_letter.dropped", "actions.dlq/0/2", "a test", before[2], None),
        (
            "FLOWS_ADMIN_TOKEN",
            "dead_letter.redriven",
            "actions.dlq/0/3",
            "better",
            before[3],
            {"set": ["inputs.json.a"]},
        ),
    ]


async def test_waits(connection: asyncpg.Connection, own_database: str) -> None:
    """Rescheduled and cancelled by hand."""
    now = datetime.now(UTC).replace(microsecond=0)
    pool = await asyncpg.create_pool(own_database, min_size=1, max_size=1)
    timer = made(1, now)
    await TimerTable(pool).set([timer_of(Sleep(timer.run, timer_id(timer.run.id, "0"), now))])
    await pool.close()
    wanted, later = waits.Wanted(run=timer.run.id), now + timedelta(hours=1)
    (moved,) = await waits.reschedule(connection, wanted, later)
    await waits.cancelled(connection, [moved], "no need")
    assert await waits.find(connection, wanted) == []
    one, two = await rows(connection)
    assert one[:4] == (ME, "wait.rescheduled", f"run {timer.run.id}", "")
    assert [each["due"] for each in one[4:]] == [now.isoformat(), later.isoformat()]
    assert two[:4] == (ME, "wait.cancelled", f"run {timer.run.id}", "no need")
    assert (two[4]["due"], two[5]) == (later.isoformat(), None)


async def test_who_is_away(connection: asyncpg.Connection) -> None:
    """Whatever characters a name has."""
    await switch(connection, "default", "team", away=["ana\0"], who=ME)
    await switch(connection, "default", "team", back=["ana\0"], who=ME)
    told = await rows(connection)
    assert [row[:3] for row in told] == [(ME, "rotation.switched", "rotation default/team")] * 2
    assert [(row[4], row[5]) for row in told] == [
        ({"away": {}}, {"away": {"ana": None}}),
        ({"away": {"ana": None}}, {"away": {}}),
    ]


async def test_what_is_not_done_is_not_written(connection: asyncpg.Connection) -> None:
    """Neither is there without the other."""
    transaction = connection.transaction()
    await transaction.start()
    await decisions.decide(connection, [letter(1)], "redriven", "a test", who=ME)
    await transaction.rollback()
    assert await rows(connection) == []
    assert await decisions.known(connection, [letter(1)]) == {}
    await connection.execute("drop table audit")
    with pytest.raises(asyncpg.UndefinedTableError):
        await decisions.decide(connection, [letter(1)], "dropped", "a test", who=audit.direct())
    assert await decisions.known(connection, [letter(1)]) == {}
