"""services/actions as a process, on real Kafka, against the stand-in Closum: calls, retries, dead letters, history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import ConsumerRecord

from contracts.actions import ActionRequest, Retry
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode, WhoMustAct
from contracts.events import Event
from contracts.runs import HistoryRecord, Outcome, RunMessage
from contracts.topics import ACTIONS, ACTIONS_DLQ, HISTORY, RUNS
from services.actions.journal import unknowns
from tests.support.actions import ASCII_SECRET, SECRET, Kafka, Worker, kafka, request, worker
from tests.support.closum import Closum, closum

ONCE: dict[str, Any] = {
    "action": "closum.whatsapp.send_template",
    "connection": "closum",
    "inputs": {"to": "351912345678", "template": "welcome", "language": "pt_PT", "parameters": ["Inês"]},
}


@dataclass
class Stage:
    """All parts of one test."""

    kafka: Kafka
    closum: Closum
    worker: Worker

    async def resumed(self, count: int) -> list[RunMessage]:
        """So many runs that go on."""
        records = await self.kafka.take(RUNS, lambda found: len(found) >= count)
        return [RunMessage.model_validate_json(record.value) for record in records]

    async def ended(self, count: int) -> list[HistoryRecord]:
        """So many ends of runs."""
        records = await self.kafka.take(HISTORY, lambda found: len(found) >= count)
        return [HistoryRecord.model_validate_json(record.value) for record in records]

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What PostgreSQL holds."""
        connection = await asyncpg.connect(self.worker.environ["DATABASE_URL"])
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def dead(self, count: int) -> list[tuple[ConsumerRecord, DeadLetter]]:
        """So many dead letters."""
        records = await self.kafka.take(ACTIONS_DLQ, lambda found: len(found) >= count)
        return [(record, DeadLetter.from_headers(record.headers)) for record in records]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Closum]:
    """One for all tests here."""
    with closum() as running:
        yield running


@pytest.fixture
async def stage(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, stand_in: Closum, own_database: str
) -> AsyncIterator[Stage]:
    """A worker at work, with topics of its own."""
    stand_in.reset()
    stand_in.heal()
    with ExitStack() as stack:
        async with kafka(kafka_bootstrap, topic_prefix) as topics:
            one = stack.enter_context(worker(topics, tmp_path, stand_in.url, own_database, FLOWS_CALL_SECONDS="2"))
            one.start()
            yield Stage(topics, stand_in, one)


async def test_a_run_goes_on_with_the_answer(stage: Stage) -> None:
    """Its outputs under the effect's id, on `runs`, under the run's key; the key went to the CRM as Idempotency-Key."""
    asked = request(1, "+351912345678")
    await stage.kafka.put([asked])
    records = await stage.kafka.take(RUNS, lambda found: len(found) == 1)
    message = RunMessage.model_validate_json(records[0].value)
    assert records[0].key == b"default/+351912345678"
    assert message.run == asked.run
    assert message.answer is not None
    assert (message.answer.effect_id, message.answer.step, message.answer.error) == (asked.effect_id, "0", None)
    assert message.answer.outputs["status"] == 201
    assert message.answer.outputs["json"]["phone"] == "+351912345678"
    assert stage.closum.state("keys") == {asked.effect_id: {"requests": 1, "effects": 1}}


async def test_the_last_step_delivers_the_run(stage: Stage) -> None:
    """One record of history, and none on `runs`."""
    asked = request(1, last=True)
    await stage.kafka.put([asked])
    ended = (await stage.ended(1))[0]
    assert (ended.run_id, ended.event_id, ended.flow, ended.outcome) == ("r1", "e1", "flow", Outcome.DELIVERED)
    assert ended.accepted == asked.run.event.accepted


async def test_closum_is_called(stage: Stage) -> None:
    """With its key in the query; the answers are the ids that it gives."""
    lead = {"name": "Inês", "mobile_number": "351912345678", "consent_email": True, "consent_sms": False}
    await stage.kafka.put(
        [
            request(1, action="closum.lead.add", connection="closum", inputs=lead),
            request(2, **ONCE),
        ]
    )
    outputs = {message.run.id: message.answer.outputs for message in await stage.resumed(2) if message.answer}
    assert outputs["r1"] == {"lead_id": stage.closum.state("leads")[0]["lead_id"]}
    assert outputs["r2"] == {"message_id": stage.closum.state("whatsapp")[0]["message_id"]}


BROKEN: list[tuple[str, dict[str, Any], ErrorCode, WhoMustAct, str]] = [
    ("action", {"action": "closum.lead.ad"}, ErrorCode.ACTION_UNKNOWN, WhoMustAct.OPERATOR, "closum.lead.ad"),
    ("connection", {"connection": "crn"}, ErrorCode.CONNECTION_UNKNOWN, WhoMustAct.OPERATOR, "did you mean 'crm'?"),
    ("none", {**ONCE, "connection": None}, ErrorCode.CONNECTION_UNKNOWN, WhoMustAct.OPERATOR, "connection: NAME"),
    ("input", {"inputs": {"method": "POST", "ulr": "/"}}, ErrorCode.INPUT_INVALID, WhoMustAct.AUTHOR, "ulr"),
    ("path", {"inputs": {"method": "GET", "url": "/../x"}}, ErrorCode.INPUT_INVALID, WhoMustAct.AUTHOR, "`..`"),
    ("host", {"inputs": {"method": "GET", "url": "http://x/"}}, ErrorCode.INPUT_INVALID, WhoMustAct.AUTHOR, "below"),
    ("open", {"connection": None}, ErrorCode.INPUT_INVALID, WhoMustAct.AUTHOR, "whole address"),
    (
        "private",
        {"connection": None, "inputs": {"method": "GET", "url": "http://[::1]:9/"}},
        ErrorCode.EGRESS_DENIED,
        WhoMustAct.OPERATOR,
        "FLOWS_EGRESS_ALLOW",
    ),
    (
        "refused",
        {"inputs": {"method": "POST", "url": "/contacts", "json": {"phone": "12"}}},
        ErrorCode.CALL_REJECTED,
        WhoMustAct.AUTHOR,
        "HTTP 422",
    ),
    ("lost", {"inputs": {"method": "GET", "url": "/no"}}, ErrorCode.CALL_REJECTED, WhoMustAct.AUTHOR, "HTTP 404"),
]


async def test_what_cannot_be_done_is_a_dead_letter(stage: Stage) -> None:
    """The original record untouched, where it was, why, who must act; and the run ends as dead. Others go on."""
    requests = {name: request(number, f"s{number}", **fields) for number, (name, fields, *_) in enumerate(BROKEN)}
    garbage = b'{"effect_id": 1, "run": {"id": "r-garbage", "event": {"id": "e-garbage", "subject": "s"}}}'
    for one in requests.values():
        await (
            await stage.kafka.producer.send(
                ACTIONS, one.key, one.to_bytes(), [("traceparent", b"t"), ("flows-at", b"old")]
            )
        )
    await (await stage.kafka.producer.send(ACTIONS, b"key", garbage))
    await stage.kafka.put([request(999)])
    letters = await stage.dead(len(BROKEN) + 1)
    by_run = {letter.run_id: (record, letter) for record, letter in letters}
    for number, (name, _, code, who, told) in enumerate(BROKEN):
        record, letter = by_run[f"r{number}"]
        assert (letter.code, letter.who_must_act) == (code, who), name
        assert told in letter.cause, letter.cause
        assert record.value == requests[name].to_bytes()
        assert record.key == requests[name].key
        assert dict(record.headers)["traceparent"] == b"t"
        assert letter.topic == f"{stage.kafka.settings.topic_prefix}actions"
        assert (letter.flow, letter.step, letter.effect_id) == ("flow", "0", requests[name].effect_id)
        assert letter.service == "actions"
    record, letter = by_run[None]
    assert (letter.code, record.key, record.value) == (ErrorCode.REQUEST_INVALID, b"key", garbage)
    ends = {end.run_id: end for end in await stage.ended(len(BROKEN) + 1)}
    assert {end.outcome for end in ends.values()} == {Outcome.DEAD}
    assert (ends["r-garbage"].event_id, ends["r-garbage"].subject) == ("e-garbage", "s")
    assert ends["r0"].code is ErrorCode.ACTION_UNKNOWN
    assert (await stage.resumed(1))[0].run.id == "r999"


async def test_an_unknown_call_whose_flow_went_on_is_listed_too(stage: Stage) -> None:
    """Marked: it is only written down what came of it, and it is never made again by its run."""
    stage.closum.fault(path="/v2/whatsapp/*", kind="cut_after", times=1)
    await stage.kafka.put([request(1, **{**ONCE, "last": False}, resume_on_error=True)])
    answer = (await stage.resumed(1))[0].answer
    assert answer is not None
    assert answer.error is not None
    connection = await asyncpg.connect(stage.worker.environ["DATABASE_URL"])
    try:
        (one,) = await unknowns.listed(connection, decided=False)
        assert (one["run_id"], one["went_on"]) == ("r1", True)
        (found,) = await unknowns.found(connection, one["effect_id"])

        async def put(*_: object) -> None:
            raise AssertionError("its run would go on twice")

        with pytest.raises(unknowns.WentOnError, match="by hand"):
            await unknowns.decide(connection, found.key, unknowns.Decision.RESEND, put, reason="not there", who="me")
        assert await unknowns.decide(connection, found.key, unknowns.Decision.DONE, put, reason="seen there", who="me")
        assert await unknowns.listed(connection, decided=False) == []
    finally:
        await connection.close()


async def test_a_flow_can_go_on_after_a_failure(stage: Stage) -> None:
    """Then the failure is the answer, and no dead letter."""
    await stage.kafka.put([request(1, resume_on_error=True, inputs={"method": "GET", "url": "/no"})])
    answer = (await stage.resumed(1))[0].answer
    assert answer is not None
    assert answer.error is not None
    assert (answer.error.code, answer.error.attempts, answer.outputs) == (ErrorCode.CALL_REJECTED, 1, {})


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500},
        {"kind": "cut_before"},
        {"kind": "cut_after"},
        {"kind": "hang"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
async def test_a_keyed_call_is_repeated_and_has_one_effect(stage: Stage, fault: dict[str, Any]) -> None:
    """Whatever went wrong, also after the effect: the same key, so the CRM acts once."""
    stage.closum.fault(path="/crm/*", times=1, **fault)
    asked = request(1)
    await stage.kafka.put([asked])
    message = (await stage.resumed(1))[0]
    assert message.answer is not None
    assert message.answer.error is None
    assert stage.closum.state("keys") == {asked.effect_id: {"requests": 2, "effects": 1}}
    assert "attempt.failed" in stage.worker.logged()


@pytest.mark.parametrize(
    ("fault", "code", "sent"),
    [
        ({"kind": "cut_before"}, ErrorCode.CALL_INTERRUPTED, 0),
        ({"kind": "cut_after"}, ErrorCode.CALL_INTERRUPTED, 1),
        ({"kind": "hang"}, ErrorCode.CALL_TIMED_OUT, 0),
        ({"kind": "malformed"}, ErrorCode.ANSWER_INVALID, 1),
        ({"kind": "status", "status": 500}, ErrorCode.DESTINATION_FAILED, 0),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_a_message_is_never_sent_twice(stage: Stage, fault: dict[str, Any], code: ErrorCode, sent: int) -> None:
    """Where it cannot be known whether the effect is there, a person looks."""
    stage.closum.fault(path="/v2/whatsapp/*", times=1, **fault)
    await stage.kafka.put([request(1, **ONCE)])
    ended = (await stage.ended(1))[0]
    assert (ended.outcome, ended.code) == (Outcome.UNKNOWN, code)
    assert "may have happened" in (ended.reason or "")
    kept = await stage.rows("select effect_id, run_id, code, decided from unknown_effects")
    assert kept == [(request(1).effect_id, "r1", code.value, None)]
    assert await stage.rows("select state, attempts from effects") == [("unknown", 1)]
    assert len(stage.closum.state("whatsapp")) == sent
    assert stage.closum.state("received") == 1


async def test_a_message_that_was_certainly_not_sent_is_sent_later(stage: Stage) -> None:
    """429 is an answer: nothing was done."""
    stage.closum.fault(path="/v2/whatsapp/*", kind="status", status=429, times=2)
    await stage.kafka.put([request(1, **ONCE)])
    await stage.resumed(1)
    assert len(stage.closum.state("whatsapp")) == 1


async def test_a_refusal_with_http_200_is_final(stage: Stage) -> None:
    """`status: false` is a failure; the body's text is told."""
    stage.closum.fault(path="/v2/*", kind="refuse", times=1)
    await stage.kafka.put([request(1, **ONCE)])
    letter = (await stage.dead(1))[0][1]
    assert (letter.code, letter.attempts) == (ErrorCode.CALL_REJECTED, 1)
    assert "Closum refused whatsapp/send-template/" in letter.cause


async def test_attempts_end(stage: Stage) -> None:
    """Then it is dead, with their number, and its lane goes on."""
    stage.closum.fault(path="/crm/*", kind="status", status=503, contains='"n":1}')
    await stage.kafka.put([request(1, retry=Retry(attempts=3, within_seconds=20)), request(2)])
    letter = (await stage.dead(1))[0][1]
    assert (letter.code, letter.attempts, letter.run_id) == (ErrorCode.DESTINATION_BUSY, 3, "r1")
    assert (await stage.resumed(1))[0].run.id == "r2"


async def test_a_failing_contact_holds_up_only_its_own_later_calls(stage: Stage) -> None:
    """In its lane the order stays; all others are done meanwhile."""
    stage.closum.fault(path="/crm/*", kind="status", status=503, contains="+351911111111", times=2)
    sick = [request(number, "+351911111111") for number in range(3)]
    well = [request(number, f"+3519222{number:05d}") for number in range(100, 300)]
    await stage.kafka.put([*sick, *well])
    runs = [message.run.id for message in await stage.resumed(203)]
    assert [run for run in runs if int(run[1:]) < 100] == ["r0", "r1", "r2"]
    done = [one["key"] for one in stage.closum.state("requests") if one["status"] < 300]
    position = {key: place for place, key in enumerate(done)}
    assert [position[one.effect_id] for one in sick] == sorted(position[one.effect_id] for one in sick)
    assert position[sick[0].effect_id] > position[well[-1].effect_id] - 50


async def test_a_run_that_grew_too_large_is_dead(stage: Stage) -> None:
    """The answer does not fit beside what the run has already."""
    note = {"phone": "+351912345678", "note": "y" * 5_000}
    await stage.kafka.put([request(2, inputs={"method": "POST", "url": "/contacts", "json": note})])
    await stage.resumed(1)
    event = Event(id="e1", source="/t", type="t", subject="s", data={"big": "x" * 898_000})
    asked = request(1, inputs={"method": "GET", "url": "/contacts"})
    asked = asked.model_copy(update={"run": asked.run.model_copy(update={"event": event})})
    await stage.kafka.put([asked])
    letter = (await stage.dead(1))[0][1]
    assert (letter.code, letter.attempts) == (ErrorCode.MESSAGE_TOO_LARGE, 1)


async def test_secrets_are_nowhere(stage: Stage) -> None:
    """Not in logs, metrics, dead letters, history or runs, though the destination repeats them in what it answers."""
    server = await asyncio.start_server(_shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # A second worker, whose destination shouts.
    with worker(
        stage.kafka,
        stage.worker.log.parent,
        f"http://127.0.0.1:{port}",
        stage.worker.environ["DATABASE_URL"],
        FLOWS_LOG_LEVEL="debug",
    ) as loud:
        await stage.worker.says("partitions.assigned")
        assert stage.worker.stop() == 0
        loud.start()
        inputs = {"method": "POST", "url": "/shout", "json": {}}
        await stage.kafka.put(
            [
                request(1, "a", inputs={**inputs, "expect_status": [400]}),
                request(2, "b", inputs=inputs),
                request(3, "c", **ONCE),
                request(4, "d", connection="closum", inputs={"method": "POST", "url": "/close", "json": {}}),
                request(5, "e", connection="closum", inputs={"method": "POST", "url": "/shout?x=1", "json": {}}),
            ]
        )
        await stage.dead(4)
        await stage.resumed(1)
        async with httpx.AsyncClient(trust_env=False) as client:
            scraped = await client.get(f"http://127.0.0.1:{loud.environ['FLOWS_HEALTH_PORT']}/metrics")
        loud.stop()
    server.close()
    assert "flows_attempts_total" in scraped.text
    texts = [stage.worker.logged(), loud.logged(), scraped.text]
    for topic, count in ((RUNS, 1), (HISTORY, 4), (ACTIONS_DLQ, 4)):
        for record in await stage.kafka.take(topic, partial(_at_least, count)):
            texts.append(repr((record.key, record.value, record.headers)))
            texts.append(record.value.decode())
    whole = "\n".join(texts)
    assert "[hidden]" in whole
    for form in ("Marker", "TWFya2Vy"):
        assert form not in whole
    assert "Marker" in SECRET
    assert "Marker" in ASCII_SECRET


def _at_least(count: int, found: list[ConsumerRecord]) -> bool:
    return len(found) >= count


async def _shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 400 with the whole request in the body and in a header; or just close."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "/close" not in head:
        body = json.dumps({"you sent": head}).encode()
        line = head.split("\r\n")[0]
        writer.write(
            f"HTTP/1.1 400 No\r\nX-Line: {line}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    writer.close()


def test_requests_of_the_tests_are_valid() -> None:
    """They read back as they were."""
    one = request(1)
    assert ActionRequest.model_validate_json(one.to_bytes()) == one
