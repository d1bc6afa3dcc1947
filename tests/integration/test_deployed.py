"""What a worker runs of the database, on real PostgreSQL: sets are taken up whole, earlier ones are had when needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest
from pydantic import ValidationError

from services.cli.deployments import back_to, declared_by, from_paths
from services.cli.terminal import CommandError
from services.flows.catalogue import collect
from services.runtime import database
from services.tools import catalog
from services.tools.claims import EventClaim, noted
from services.tools.deployed import deployment_tables
from services.tools.deployed.deployed_flows import DeployedFlows, NothingRunsError
from tests.support.batches import ONE_CALL, TRIGGER, TWO_CALLS

TOOLS = collect(catalog)
CHANGED = ONE_CALL.replace("/contacts", "/people")


@pytest.fixture
async def pool(database_url: str, topic_prefix: str) -> AsyncIterator[asyncpg.Pool]:
    """A database of this test alone: deployments are of a whole database."""
    name = "deployed_" + topic_prefix.strip(".")
    connection = await asyncpg.connect(database_url)
    await connection.execute(f'create database "{name}"')
    await connection.close()
    url = database_url.rpartition("/")[0] + f"/{name}"
    await database.migrate(url)
    made = await database.connect(url)
    yield made
    await made.close()


async def deploy(pool: asyncpg.Pool, folder: Path, *texts: str, alone: bool = False) -> deployment_tables.Deployment:
    """Deploy flows from their texts."""
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    async with pool.acquire() as connection:
        return await deployment_tables.deploy(connection, from_paths(files, None, alone=alone), "a test")


def names(worker: DeployedFlows, deployment: str = "") -> list[tuple[str, str]]:
    """The flows that an event starts, with the first signs of their versions."""
    return [(flow.name, flow.version) for flow in worker.for_trigger(TRIGGER, deployment or worker.deployment)]


async def test_a_worker_waits_for_the_first_deployment_and_takes_up_each_later_one(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    worker = DeployedFlows(pool, TOOLS)
    with pytest.raises(NothingRunsError, match="flows deploy"):
        await worker.start()

    await deploy(pool, tmp_path, ONE_CALL, TWO_CALLS)
    await worker.start()
    assert [name for name, _ in names(worker)] == ["one-call", "two-calls"]

    await deploy(pool, tmp_path, TWO_CALLS, alone=True)
    assert await worker.take_up()
    assert not await worker.take_up()
    assert [name for name, _ in names(worker)] == ["two-calls"]


async def test_flows_of_other_names_stay_and_the_same_content_is_no_deployment(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    first = await deploy(pool, tmp_path, ONE_CALL)
    second = await deploy(pool, tmp_path, TWO_CALLS)
    again = await deploy(pool, tmp_path, "# only a comment\n" + TWO_CALLS)

    assert (first.number, second.number, again.number) == (1, 2, 2)
    assert sorted(second.flows) == ["one-call", "two-calls"]


async def test_a_set_with_a_mistake_changes_nothing(pool: asyncpg.Pool, tmp_path: Path) -> None:
    await deploy(pool, tmp_path, ONE_CALL)

    with pytest.raises(CommandError, match="what runs runs on"):
        await deploy(pool, tmp_path, CHANGED, TWO_CALLS.replace("crm.status", "crm.statut"))

    assert (await deployment_tables.current(pool)).number == 1
    assert len(await deployment_tables.versions_of(pool, "one-call")) == 1


async def test_the_replay_of_an_event_begins_what_it_began_before(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """Also in a worker that has never run that set; what events after it begin is the new one."""
    await deploy(pool, tmp_path, ONE_CALL)
    before = DeployedFlows(pool, TOOLS)
    await before.start()
    await deploy(pool, tmp_path, CHANGED)
    after = DeployedFlows(pool, TOOLS)
    await after.start()

    await after.recall({"1", "2"})

    assert names(after, "1") == names(before)
    assert names(after, "2") != names(before)
    assert after.deployment == "2"


async def test_an_earlier_set_that_cannot_be_had_whole_is_not_used(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """An event that began it begins what runs now: it must not end as one that no flow is for."""
    await deploy(pool, tmp_path, ONE_CALL)
    await pool.execute("update flow_versions set version = 'gone'")
    await deploy(pool, tmp_path, TWO_CALLS, alone=True)
    worker = DeployedFlows(pool, TOOLS)
    await worker.start()

    await worker.recall({"1"})

    assert names(worker, "1") == names(worker)


async def test_a_claim_gives_its_claimer_the_note_that_it_was_made_with(pool: asyncpg.Pool) -> None:
    wish = EventClaim("default", "event", "events/0/1", "7")
    day = timedelta(days=1)

    assert await noted(pool, "event", [wish], day) == ["7"]
    assert await noted(pool, "event", [EventClaim("default", "event", "events/0/1", "8")], day) == ["7"]
    assert await noted(pool, "event", [EventClaim("default", "event", "events/0/2", "8")], day) == [None]


async def test_a_set_that_this_worker_cannot_run_is_refused_whole_and_the_one_before_runs_on(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """As a worker of an older version, which lacks a tool."""
    phone = "\n".join(
        [
            "flow: phone",
            f"on: {TRIGGER}",
            "steps:",
            "  - tool: phone.format",
            '    with: { number: "${ trigger.from }" }',
        ]
    )
    await deploy(pool, tmp_path, ONE_CALL)
    old = DeployedFlows(pool, {name: tool for name, tool in TOOLS.items() if name != "phone.format"})
    await old.start()
    runs = names(old)
    await deploy(pool, tmp_path, CHANGED, phone)

    assert not await old.take_up()

    assert names(old) == runs
    with pytest.raises(RuntimeError, match="deployment 2 cannot run here"):
        await old.healthy()
    await deploy(pool, tmp_path, CHANGED, alone=True)
    assert await old.take_up()
    await old.healthy()
    await old.fetch([("phone", "none")])
    assert old.version("phone", "none") is None
    assert "never deployed here" in old.why_not("phone", "none")


SHOP = """\
sources:
  shop:
    schema: { type: object, properties: { n: { type: TYPE } } }
    token: { env: T }
"""


async def test_what_flows_were_checked_against_goes_with_them(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """The declared triggers: a change of them alone is a deployment, others stay, and a rollback brings theirs back."""
    (tmp_path / "0.yaml").write_text(ONE_CALL)

    async def deploy_with(type_: str) -> deployment_tables.Deployment:
        (tmp_path / "sources.yaml").write_text(SHOP.replace("TYPE", type_))
        async with pool.acquire() as connection:
            change = from_paths([tmp_path], None, alone=False)
            found = declared_by([tmp_path])
            return await deployment_tables.deploy(connection, change, "a test", triggers=found)

    def read(worker: DeployedFlows, n: object) -> object:
        model = worker.declared("webhook.shop")
        assert model is not None
        return orjson.loads(model.read({"n": n}).to_json())["n"]

    worker = DeployedFlows(pool, TOOLS)
    first = await deploy_with("integer")
    assert (await deploy_with("integer")).number == first.number
    await worker.start()
    assert read(worker, 12.0) == 12
    with pytest.raises(ValidationError):
        read(worker, "text")
    assert worker.declared("webhook.other") is None

    second = await deploy_with("string")
    assert second.number == first.number + 1
    assert await worker.take_up()
    assert read(worker, "text") == "text"

    (tmp_path / "sources.yaml").unlink()
    third = await deploy(pool, tmp_path, CHANGED)
    assert await worker.take_up()
    assert (read(worker, "text"), third.triggers) == ("text", second.triggers)

    async with pool.acquire() as connection:
        versions = await deployment_tables.versions(connection, first.flows.items())
        back = back_to(first, versions)
        await deployment_tables.deploy(connection, back, "a test", triggers=first.triggers)
    assert await worker.take_up()
    assert read(worker, 12.0) == 12
