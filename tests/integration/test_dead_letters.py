"""Dead letters from death to delivery, with a real worker, Kafka and PostgreSQL: listed, shown, changed, redriven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from contracts.topics import ACTIONS, ACTIONS_DLQ, RUNS
from services.runtime.database import migrate
from tests.support.actions import Kafka, Worker, kafka, request, worker
from tests.support.closum import Closum, closum
from tests.support.flows_command import flows

Flows = Callable[..., CompletedProcess[str]]
SMS: dict[str, Any] = {
    "action": "closum.sms.send",
    "connection": "closum",
    "inputs": {"recipient": "351912345678", "message": "Olá"},
}


@dataclass
class Stage:
    """All parts of one test."""

    kafka: Kafka
    closum: Closum
    worker: Worker
    folder: Path
    environ: dict[str, str]

    async def flows(self, *arguments: str) -> CompletedProcess[str]:
        """The command, on a thread: the stand-in and the producer live here."""
        done = await asyncio.to_thread(flows, *arguments, cwd=self.folder, env=self.environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    async def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """`flows dead list`."""
        done = await self.flows("dead", "list", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    async def died(self, count: int) -> None:
        """Wait for so many dead letters."""
        await self.kafka.take(ACTIONS_DLQ, lambda found: len(found) >= count)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


@pytest.fixture
async def stage(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path, stand_in: Closum
) -> AsyncIterator[Stage]:
    """A worker at work, with topics of its own."""
    stand_in.reset()
    stand_in.heal()
    await migrate(database_url)
    with ExitStack() as stack:
        async with kafka(kafka_bootstrap, topic_prefix) as topics:
            one = stack.enter_context(
                worker(topics, tmp_path, stand_in.url, FLOWS_CALL_SECONDS="2", DATABASE_URL=database_url)
            )
            one.start()
            names = ("KAFKA_BOOTSTRAP", "FLOWS_TOPIC_PREFIX", "FLOWS_CONNECTIONS_FILE", "DATABASE_URL")
            yield Stage(topics, stand_in, one, tmp_path, {name: one.environ[name] for name in names})


def contact(number: int, phone: str, subject: str) -> Any:
    """A request with a phone that the CRM may refuse."""
    return request(
        number, subject, inputs={"method": "POST", "url": "/contacts", "json": {"phone": phone, "n": number}}
    )


async def test_from_death_to_delivery(stage: Stage) -> None:
    """Grouped by cause, shown with its request, mended, redriven once and not twice, dropped with a reason."""
    refused = [contact(number, f"{number:02}", "+351911111111") for number in range(4)]
    lost = request(9, "+351922222222", inputs={"method": "GET", "url": "/no"})
    await stage.kafka.put([*refused, lost])
    await stage.died(5)

    groups = await stage.listed()
    assert [group["count"] for group in groups] == [4, 1]
    assert (groups[0]["code"], groups[0]["connection"], groups[0]["action"]) == ("call_rejected", "crm", "http.request")
    assert groups[0]["cause"].endswith("HTTP 422: phone '03' is not an E.164 number")

    newest = groups[0]["newest"]
    shown = (await stage.flows("dead", "show", newest, "--json")).stdout
    assert json.loads(shown)["request"]["headers"]["Authorization"] == "Bearer [hidden]"
    assert json.loads(shown)["message"]["inputs"]["json"]["n"] == 3
    assert "Marker" not in shown

    # In order, once, with the payload mended.
    mended = ("--set", "inputs.json.phone=+351912345678")
    dry = await stage.flows("dead", "redrive", "--group", groups[0]["group"], "--dry-run", *mended)
    assert "4 would be redriven" in dry.stdout
    assert stage.closum.state("contacts") == []
    done = await stage.flows("dead", "redrive", "--group", groups[0]["group"], "--rate", "1000", *mended)
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "4 redriven"), done.stderr
    await stage.kafka.take(RUNS, lambda found: len(found) >= 4)
    order = [effect["body"]["n"] for effect in stage.closum.state("effects")]
    assert order == [0, 1, 2, 3]

    again = await stage.flows("dead", "redrive", newest)
    assert again.returncode == 1
    assert "was redriven" in again.stdout
    assert [group["count"] for group in await stage.listed()] == [1]

    other = groups[1]["newest"]
    assert "1 dropped" in (await stage.flows("dead", "drop", other, "--reason", "the path was wrong")).stdout
    assert await stage.listed() == []
    decided = {row["id"]: row for row in await stage.listed("--decided")}
    assert (len(decided), decided[other]["reason"]) == (5, "the path was wrong")
    assert "was dropped" in (await stage.flows("dead", "redrive", other)).stdout


async def test_two_people_redrive_at_once(stage: Stage) -> None:
    """Each letter goes back once, whoever gets it."""
    await stage.kafka.put([contact(number, "12", f"s{number}") for number in range(30)])
    await stage.died(30)
    arguments = ("dead", "redrive", "--all", "--rate", "200", "--set", "inputs.json.phone=+351912345678")
    both = await asyncio.gather(stage.flows(*arguments), stage.flows(*arguments))
    counts = [int(done.stdout.splitlines()[-1].split()[0]) for done in both]
    assert sum(counts) == 30, both
    records = await stage.kafka.take(ACTIONS, partial(_at_least, 60))
    assert len(records) == 60


async def test_a_message_that_may_have_been_sent_is_not_redriven_unasked(stage: Stage) -> None:
    """Its destination refused every later try, so the call is dead; a person says that it is not there."""
    stage.closum.fault(path="/v2/sms/*", kind="malformed", acts=False, times=1)
    await stage.kafka.put([request(1, **SMS)])
    await stage.died(1)
    (group,) = await stage.listed()
    assert group["code"] == "answer_invalid"
    refused = await stage.flows("dead", "redrive", "--group", group["group"])
    assert refused.returncode == 1
    assert "its effect may have happened" in refused.stdout
    assert stage.closum.state("sms") == []
    done = await stage.flows("dead", "redrive", "--group", group["group"], "--even-if-sent")
    assert "1 redriven" in done.stdout, done.stderr
    await stage.kafka.take(RUNS, partial(_at_least, 1))
    assert len(stage.closum.state("sms")) == 1


MISTAKES = (
    (("redrive",), "say --all"),
    (("redrive", "actions.dlq/0/99"), "no dead letter 'actions.dlq/0/99'"),
    (("redrive", "--all", "--set", "x"), "PATH=VALUE"),
    (("redrive", "--flow", "nobody"), "no dead letter fits"),
    (("drop", "--all"), "--reason"),
)


async def test_mistakes_at_the_command_line(stage: Stage) -> None:
    """Are told with the remedy, and nothing is done."""
    results = await asyncio.gather(*(stage.flows("dead", *arguments) for arguments, _ in MISTAKES))
    for done, (_, told) in zip(results, MISTAKES, strict=True):
        assert done.returncode in {1, 2}
        assert told in done.stderr + done.stdout


def _at_least(count: int, found: list[Any]) -> bool:
    return len(found) >= count
