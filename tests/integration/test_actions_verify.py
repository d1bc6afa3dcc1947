"""Calls that must not be made twice and may have been made, by a real worker: the destination is asked, and decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.actions import ActionRequest, Retry
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import Answer, HistoryRecord, Outcome, RunMessage
from contracts.topics import ACTIONS_DLQ, HISTORY, RUNS
from tests.support.actions import Kafka, Worker, kafka, request, worker
from tests.support.closum import Closum, closum
from tests.support.flows_command import flows

PHONE = "+351912345678"
THERE = {"properties": {"contacts": {"type": "array", "minItems": 1}}}
CONTACT: dict[str, Any] = {
    "inputs": {
        "method": "POST",
        "url": "/contacts",
        "json": {"phone": PHONE},
        "repeat": "never",
        "verify": {"url": "/contacts", "query": {"phone": PHONE}, "json_schema": THERE},
    }
}
LEAD: dict[str, Any] = {
    "action": "closum.lead.add",
    "connection": "closum",
    "inputs": {
        "name": "Inês",
        "email": "ines@example.com",
        "consent_email": True,
        "consent_sms": False,
        "update_enabled": False,
    },
}
VIEW = "/v2/lead/view/"
ADMIN = "admin-0123456789-abc"


@dataclass
class Stage:
    """All parts of one test."""

    kafka: Kafka
    closum: Closum
    worker: Worker
    folder: Path

    async def answer(self, asked: ActionRequest) -> Answer:
        """Put it on `actions`, and wait until its run goes on."""
        await self.kafka.put([asked])
        return await self.went_on()

    async def went_on(self) -> Answer:
        """What the only run goes on with."""
        records = await self.kafka.take(RUNS, lambda found: len(found) >= 1)
        answer = RunMessage.model_validate_json(records[0].value).answer
        assert answer is not None
        return answer

    async def outcome(self) -> HistoryRecord:
        """How the only run ended."""
        records = await self.kafka.take(HISTORY, lambda found: len(found) >= 1)
        return HistoryRecord.model_validate_json(records[0].value)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What PostgreSQL holds."""
        connection = await asyncpg.connect(self.worker.environ["DATABASE_URL"])
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    def calls(self, method: str, path: str) -> int:
        """How often the stand-in was called so."""
        found = self.closum.state("requests")
        return sum((one["method"], one["path"]) == (method, path) for one in found)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


@pytest.fixture
async def stage(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> AsyncIterator[Stage]:
    """A worker at work, which believes after a second that a call did not happen."""
    stand_in.reset()
    stand_in.heal()
    with ExitStack() as stack:
        async with kafka(kafka_bootstrap, topic_prefix) as topics:
            more = {"FLOWS_CALL_SECONDS": "2", "FLOWS_VERIFY_SECONDS": "1", "FLOWS_ADMIN_TOKEN": ADMIN}
            one = stack.enter_context(worker(topics, tmp_path, stand_in.url, own_database, **more))
            one.start()
            yield Stage(topics, stand_in, one, tmp_path)


async def test_what_is_there_is_done(stage: Stage) -> None:
    """The connection was cut after acting: the destination's answer stands for the call's, and nobody is asked."""
    stage.closum.fault(path="/crm/*", kind="cut_after", times=1)
    answer = await stage.answer(request(1, **CONTACT))
    assert answer.error is None
    assert [one["phone"] for one in answer.outputs["json"]["contacts"]] == [PHONE]
    assert len(stage.closum.state("effects")) == stage.calls("POST", "/crm/contacts") == 1
    assert await stage.rows("select state from effects") == [("done",)]
    assert await stage.rows("select from unknown_effects") == []


async def test_what_is_not_there_is_called_again(stage: Stage) -> None:
    """The connection was cut before acting: it is asked until nothing can arrive any more, then the call is made."""
    stage.closum.fault(path="/crm/*", kind="cut_before", times=1)
    answer = await stage.answer(request(1, **CONTACT))
    assert answer.outputs["status"] == 201
    assert len(stage.closum.state("effects")) == 1
    assert stage.calls("POST", "/crm/contacts") == 2
    assert stage.calls("GET", "/crm/contacts") >= 2
    assert await stage.rows("select state, attempts from effects") == [("done", 2)]


async def test_what_is_not_there_and_has_no_attempt_left_is_dead_and_did_not_happen(stage: Stage) -> None:
    """A dead letter that may be redriven without a second thought."""
    stage.closum.fault(path="/crm/*", kind="cut_before", times=1)
    await stage.kafka.put([request(1, retry=Retry(attempts=1), **CONTACT)])
    records = await stage.kafka.take(ACTIONS_DLQ, lambda found: len(found) >= 1)
    letter = DeadLetter.from_headers(records[0].headers)
    assert (letter.code, letter.effect_possible) == (ErrorCode.CALL_INTERRUPTED, False)
    assert "the effect is not there" in letter.cause
    assert stage.calls("POST", "/crm/contacts") == 1
    assert await stage.rows("select state, maybe from effects") == [("failed", False)]


async def test_a_lead_is_looked_up(stage: Stage) -> None:
    """An action of Closum that must not be made twice and has a view."""
    stage.closum.fault(path="/v2/lead/add/", kind="malformed", times=1)
    answer = await stage.answer(request(1, **LEAD))
    assert answer.outputs == {"lead_id": stage.closum.state("leads")[0]["lead_id"]}
    assert stage.calls("POST", "/v2/lead/add/") == 1


async def test_what_cannot_be_told_is_for_a_person_or_asked_again_later(stage: Stage) -> None:
    """While the view is broken it stays unknown; `flows unknown verify` asks again, and the run goes on."""
    stage.closum.fault(path="/v2/lead/add/", kind="cut_after", times=1)
    stage.closum.fault(path=VIEW, kind="status", status=500)
    await stage.kafka.put([request(1, **LEAD)])
    assert (await stage.outcome()).outcome is Outcome.UNKNOWN
    still = await _flows(stage, "unknown", "verify")
    assert still.returncode == 1
    assert "cannot be told" in still.stdout
    stage.closum.heal()
    dry = await _flows(stage, "unknown", "verify", "--dry-run", "--json")
    assert [row["decision"] for row in json.loads(dry.stdout)] == ["done"]
    assert await stage.rows("select decided from unknown_effects") == [(None,)]
    told = await _flows(stage, "unknown", "verify", request(1).effect_id[:10])
    assert (told.returncode, "the run goes on" in told.stdout) == (0, True), told.stderr
    answer = await stage.went_on()
    assert answer.outputs == {"lead_id": stage.closum.state("leads")[0]["lead_id"]}
    assert stage.calls("POST", "/v2/lead/add/") == 1
    assert "No call is unknown." in (await _flows(stage, "unknown", "verify")).stdout


@pytest.mark.parametrize("acts", [True, False])
async def test_a_call_of_a_killed_worker_is_asked_for(stage: Stage, acts: bool) -> None:  # noqa: FBT001 - a table
    """SIGKILL during the call, and again while the destination is asked: the next worker asks, and it is there once."""
    stage.closum.fault(path="/crm/*", kind="hang", acts=acts, times=1)
    # It hangs, rather than answer 500: those would have to be outlived within FLOWS_VERIFY_SECONDS.
    stage.closum.fault(path="/crm/contacts", kind="hang", acts=False, times=1)
    await stage.kafka.put([request(1, **CONTACT)])
    await _until(stage, lambda: stage.calls("POST", "/crm/contacts") == 1)
    stage.worker.kill()
    stage.worker.start()
    await _until(stage, lambda: stage.calls("GET", "/crm/contacts") >= 1)
    stage.worker.kill()
    stage.worker.start()
    answer = await stage.went_on()
    assert answer.error is None
    assert len(stage.closum.state("effects")) == 1
    assert stage.calls("POST", "/crm/contacts") == (1 if acts else 2)
    assert await stage.rows("select from unknown_effects where decided is null") == []


async def test_a_dead_letter_knows_what_another_process_did(stage: Stage) -> None:
    """A keyed call of a killed worker may have acted; that its repetition is refused does not undo that."""
    stage.closum.fault(path="/crm/*", kind="hang", acts=True, times=1)
    stage.closum.fault(path="/crm/*", kind="status", status=400)
    await stage.kafka.put([request(1)])
    await _until(stage, lambda: stage.calls("POST", "/crm/contacts") == 1)
    stage.worker.kill()
    stage.worker.start()
    records = await stage.kafka.take(ACTIONS_DLQ, lambda found: len(found) >= 1)
    letter = DeadLetter.from_headers(records[0].headers)
    assert (letter.code, letter.attempts, letter.effect_possible) == (ErrorCode.CALL_REJECTED, 2, True)


async def test_unknown_effects_by_http(stage: Stage) -> None:
    """Listed, asked for, decided, and not twice; only with the token."""
    url = f"http://127.0.0.1:{stage.worker.environ['FLOWS_HEALTH_PORT']}/v1/unknown-effects"
    one = request(1, **LEAD)
    stage.closum.fault(path="/v2/lead/add/", kind="cut_after", times=1)
    stage.closum.fault(path=VIEW, kind="status", status=500)
    await stage.kafka.put([one])
    await stage.outcome()
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(url)).status_code == 401
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {ADMIN}"}, timeout=20) as client:
        listed = (await client.get(url)).json()
        assert [(row["effect_id"], row["code"]) for row in listed["effects"]] == [(one.effect_id, "call_interrupted")]
        asked = await client.post(f"{url}/{one.effect_id}/verify")
        assert (asked.json()["decision"], "cannot be told" in asked.json()["said"]) == (None, True)
        stage.closum.heal()
        dry = await client.post(f"{url}/{one.effect_id}/verify", json={"dry_run": True})
        assert dry.json()["decision"] == "done"
        assert (await client.post(f"{url}/{one.effect_id}/done", json={})).status_code == 422
        told = await client.post(f"{url}/{one.effect_id}/done", json={"reason": "seen", "outputs": {"lead_id": "7"}})
        assert told.json() == {"id": one.effect_id, "decision": "done"}
        assert (await client.post(f"{url}/{one.effect_id}/resend", json={"reason": "no"})).status_code == 404
        decided = (await client.get(url, params={"decided": "1"})).json()
        assert [(row["decided"], row["reason"]) for row in decided["effects"]] == [("done", "seen")]
    connection = await asyncpg.connect(stage.worker.environ["DATABASE_URL"])
    try:
        row = await connection.fetchrow("select who, action, target, reason from audit")
    finally:
        await connection.close()
    assert row is not None
    assert tuple(row) == ("FLOWS_ADMIN_TOKEN", "unknown_call.decided", one.effect_id, "seen")
    assert (await stage.went_on()).outputs == {"lead_id": "7"}
    assert stage.calls("POST", "/v2/lead/add/") == 1


async def _flows(stage: Stage, *arguments: str) -> Any:
    environ = {
        name: value
        for name, value in stage.worker.environ.items()
        if name.startswith(("FLOWS_", "TEST_")) or name in ("KAFKA_BOOTSTRAP", "DATABASE_URL")
    }
    done = await asyncio.to_thread(flows, *arguments, cwd=stage.folder, env=environ)
    assert "Traceback" not in done.stderr, done.stderr
    return done


async def _until(stage: Stage, true: Any, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(true):
            assert stage.worker.process is not None
            assert stage.worker.process.poll() is None, stage.worker.logged()[-3000:]
            await asyncio.sleep(0.05)
