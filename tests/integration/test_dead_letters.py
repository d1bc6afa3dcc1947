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

import httpx
import pytest
from aiokafka import ConsumerRecord

from contracts.runs import RunMessage
from contracts.topics import ACTIONS, ACTIONS_DLQ, HISTORY, RUNS
from tests.support.actions import Kafka, Worker, kafka, request, worker
from tests.support.closum import Closum, closum
from tests.support.flows_command import flows, spawned

ADMIN = "Marker-admin-0123456789"
Flows = Callable[..., CompletedProcess[str]]
SMS: dict[str, Any] = {
    "action": "closum.sms.send",
    "connection": "closum",
    "inputs": {"recipient": "351912345678", "message": "Olá"},
}


Command = Callable[..., CompletedProcess[str]]


@dataclass
class Stage:
    """All parts of one test."""

    kafka: Kafka
    closum: Closum
    worker: Worker
    folder: Path
    environ: dict[str, str]

    async def flows(self, *arguments: str, run: Command = flows) -> CompletedProcess[str]:
        """The command, on a thread: the stand-in and the producer live here."""
        done = await asyncio.to_thread(run, *arguments, cwd=self.folder, env=self.environ)
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
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path, stand_in: Closum
) -> AsyncIterator[Stage]:
    """A worker at work, with topics of its own."""
    stand_in.reset()
    stand_in.heal()
    with ExitStack() as stack:
        async with kafka(kafka_bootstrap, topic_prefix) as topics:
            one = stack.enter_context(
                worker(topics, tmp_path, stand_in.url, own_database, FLOWS_CALL_SECONDS="2", FLOWS_ADMIN_TOKEN=ADMIN)
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
    elsewhere = ("dead", "redrive", "--group", groups[0]["group"], "--set", "connection=closum")
    for dry_run in ((), ("--dry-run",)):
        assert "--other-connection" in (await stage.flows(*elsewhere, *dry_run)).stderr
    assert "4 would be" in (await stage.flows(*elsewhere, "--dry-run", "--other-connection")).stdout
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
    both = await asyncio.gather(*(stage.flows(*arguments, run=spawned) for _ in range(2)))
    counts = [int(done.stdout.splitlines()[-1].split()[0]) for done in both]
    assert sum(counts) == 30, both
    records = await stage.kafka.take(ACTIONS, partial(_at_least, 60))
    assert len(records) == 60


async def test_a_message_that_may_have_been_sent_waits_for_a_person(stage: Stage) -> None:
    """It is no dead letter: a person looks at the destination, and says that it is there, or that it is not."""
    stage.closum.fault(path="/v2/sms/*", kind="malformed", acts=False, times=2)
    await stage.kafka.put([request(1, "a", **SMS), request(2, "b", **SMS)])
    await stage.kafka.take(HISTORY, partial(_at_least, 2))
    found = json.loads((await stage.flows("unknown", "list", "--json")).stdout)
    assert {(one["run_id"], one["code"], one["decided"]) for one in found} == {
        ("r1", "answer_invalid", None),
        ("r2", "answer_invalid", None),
    }
    by_run = {one["run_id"]: one["effect_id"] for one in found}
    sent = await stage.flows("unknown", "resend", by_run["r1"], "--reason", "it is not in their log")
    assert sent.returncode == 0, sent.stderr
    given = ("--outputs", '{"sms_id": "s7"}')
    there = await stage.flows("unknown", "done", by_run["r2"][:12], "--reason", "the customer has it", *given)
    assert there.returncode == 0, there.stderr
    runs = await stage.kafka.take(RUNS, partial(_at_least, 2))
    answers = {message.run.id: message.answer for message in map(_message, runs)}
    assert len(stage.closum.state("sms")) == 1
    assert answers["r2"] is not None
    assert answers["r2"].outputs == {"sms_id": "s7"}
    again = await stage.flows("unknown", "done", by_run["r2"], "--reason", "twice")
    assert again.returncode == 1
    assert "no open unknown call" in again.stderr
    assert "No call is unknown." in (await stage.flows("unknown", "list")).stdout


def _message(record: ConsumerRecord) -> RunMessage:
    return RunMessage.model_validate_json(record.value)


async def test_the_same_by_http(stage: Stage) -> None:
    """Listed, shown, tried, redriven and dropped by other tools, with the token and not without."""
    await stage.kafka.put([contact(number, "12", f"s{number}") for number in range(3)])
    await stage.died(3)
    port = stage.worker.environ["FLOWS_HEALTH_PORT"]
    url = f"http://127.0.0.1:{port}/v1/dead-letters"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as stranger:
        for token in ("", "Bearer wrong-token-0123456789", f"Basic {ADMIN}"):
            assert (await stranger.get(url, headers={"Authorization": token} if token else {})).status_code == 401
    async with httpx.AsyncClient(trust_env=False, timeout=20, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
        (group,) = (await client.get(url)).json()["groups"]
        assert (group["count"], group["code"]) == (3, "call_rejected")
        letters = (await client.get(url, params={"each": "1", "group": group["group"]})).json()["letters"]
        shown = await client.get(f"{url}/{letters[0]['id']}")
        assert shown.json()["request"]["headers"]["Authorization"] == "Bearer [hidden]"
        assert "Marker" not in shown.text
        assert (await client.get(f"{url}/actions.dlq/0/99")).status_code == 404

        body: dict[str, Any] = {"ids": [letters[0]["id"]], "set": {"inputs.json.phone": "+351912345678"}}
        wrong_change = await client.post(f"{url}/redrive", json={"all": True, "set": {"run.id": "x"}})
        assert (wrong_change.status_code, "cannot be changed" in wrong_change.text) == (422, True)
        elsewhere = {"all": True, "set": {"connection": "closum"}, "other_connection": True}
        not_allowed = await client.post(f"{url}/redrive", json=elsewhere)
        assert (not_allowed.status_code, "right of its own" in not_allowed.text) == (422, True)
        dry = (await client.post(f"{url}/redrive", json={**body, "dry_run": True})).json()
        assert dry == {"would_go": [letters[0]["id"]], "left_out": {}}
        assert (await client.post(f"{url}/redrive", json=body)).json()["redriven"] == [letters[0]["id"]]
        await stage.kafka.take(RUNS, partial(_at_least, 1))
        again = (await client.post(f"{url}/redrive", json=body)).json()
        assert again["redriven"] == []
        assert "was redriven" in again["left_out"][letters[0]["id"]]
        dropped = await client.post(f"{url}/drop", json={"group": group["group"], "reason": "no longer wanted"})
        assert sorted(dropped.json()["dropped"]) == sorted(one["id"] for one in letters[1:])
        assert (await client.get(url)).json() == {"count": 0, "groups": []}

        for path, wrong, status in (
            ("redrive", {}, 422),
            ("redrive", {"all": True, "rat": 1}, 422),
            ("redrive", {"ids": ["actions.dlq/0/99"]}, 404),
            ("drop", {"all": True}, 422),
        ):
            answer = await client.post(f"{url}/{path}", json=wrong)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
                answer.text
            )
        assert (await client.post(f"{url}/drop", content=b"{")).status_code == 400


async def test_errors_are_told_by_connection_and_action(stage: Stage) -> None:
    """What was tried again, from the worker's metrics; what is dead, from Kafka."""
    stage.closum.fault(path="/v2/sms/*", kind="status", status=429, times=2)
    await stage.kafka.put([contact(1, "12", "a"), contact(2, "+351912345678", "b"), request(3, **SMS)])
    await stage.died(1)
    await stage.kafka.take(RUNS, partial(_at_least, 2))
    done = await stage.flows(
        "errors", "--json", "--worker", f"http://127.0.0.1:{stage.worker.environ['FLOWS_HEALTH_PORT']}"
    )
    rows = {(row["connection"], row["action"]): row for row in json.loads(done.stdout)}
    crm, sms = rows["crm", "http.request"], rows["closum", "closum.sms.send"]
    assert (crm["calls"], crm["failed"], crm["dead"], crm["errors"]) == (2, 1, 1, {"call_rejected": 1})
    assert crm["cause"].endswith("phone '12' is not an E.164 number")
    assert (sms["calls"], sms["failed"], sms["dead"], sms["errors"]) == (3, 2, 0, {"destination_busy": 2})
    assert sms["who_must_act"] == "destination"
    table = await stage.flows("errors")
    assert "--worker" in table.stdout
    assert (await stage.flows("errors", "--worker", "http://127.0.0.1:9")).returncode == 1


async def test_a_connection_is_tried(stage: Stage) -> None:
    """Well, refused, away, unknown: in words, with an exit code, and without its secret."""
    allow = {"FLOWS_EGRESS_ALLOW": "127.0.0.1", "TEST_CLOSUM_KEY": stage.worker.environ["TEST_CLOSUM_KEY"]}
    stage.environ.update(allow)
    _append(stage.environ["FLOWS_CONNECTIONS_FILE"], "    probe: closum.sms.check_credits\n")
    well = await stage.flows("connections", "test", "closum", "--json")
    assert well.returncode == 0, well.stderr
    assert json.loads(well.stdout)["said"] == 'closum.sms.check_credits: {"credits": 10000.0}'
    plain = await stage.flows("connections", "test", "crm")
    assert (plain.returncode, "somebody answers" in plain.stdout) == (0, True), plain.stdout
    stage.closum.fault(path="/v2/*", kind="status", status=401)
    refused = await stage.flows("connections", "test", "closum")
    assert refused.returncode == 1
    assert "credentials_refused" in refused.stdout
    listed = await stage.flows("connections", "list", "--json")
    assert [(row["name"], row["authentication"]) for row in json.loads(listed.stdout)] == [
        ("crm", "header Authorization"),
        ("closum", "query api-key"),
    ]
    unknown = await stage.flows("connections", "test", "closm")
    assert (unknown.returncode, "did you mean 'closum'" in unknown.stderr) == (1, True)
    stage.environ.pop("FLOWS_EGRESS_ALLOW")
    assert "egress_denied" in (await stage.flows("connections", "test", "crm")).stdout
    assert "Marker" not in well.stdout + plain.stdout + refused.stdout + listed.stdout


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


def _append(file: str, text: str) -> None:
    with Path(file).open("a") as there:
        there.write(text)


def _at_least(count: int, found: list[Any]) -> bool:
    return len(found) >= count
