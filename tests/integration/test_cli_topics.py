"""The commands that read and make topics and tables, against real Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import HistoryRecord, Outcome, Run
from contracts.topics import ACTIONS, ACTIONS_DLQ, ALL, EVENTS, HISTORY, Topic
from tests.support.flows_command import flows

Flows = Callable[..., CompletedProcess[str]]
NOW = datetime.now(UTC)
EVENT = Event(id="e1", source="/hooks/whatsapp", type="closum.whatsapp.message_received", subject="351", data={"a": 1})
RUN = Run(id="r1-0123456789", flow="hello", version="v1", event=EVENT, key="351")
REQUEST = ActionRequest(
    effect_id="f1", action="http.request", connection="crm", inputs={"name": "Inês"}, step="2", run=RUN, requested=NOW
)


def end(run_id: str, outcome: Outcome, at: datetime = NOW) -> bytes:
    ids = {"run_id": run_id, "event_id": "e1", "source": "/hooks/whatsapp", "account": "default", "subject": "351"}
    return HistoryRecord.model_validate({**ids, "flow": "hello", "outcome": outcome, "at": at}).to_bytes()


def letter() -> list[tuple[str, bytes]]:
    ids: dict[str, Any] = {"run_id": "r1-0123456789", "event_id": "e1", "flow": "hello", "step": "2", "attempts": 3}
    return DeadLetter.of(("actions", 0, 5), ErrorCode.CALL_REJECTED, "the CRM said no", "actions", **ids).to_headers()


@pytest.fixture
def run(kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path) -> Flows:
    """`flows …` against the real servers, under this test's prefix."""
    environ = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "DATABASE_URL": database_url, "FLOWS_TOPIC_PREFIX": topic_prefix}

    def command(*arguments: str) -> CompletedProcess[str]:
        done = flows(*arguments, cwd=tmp_path, env={**environ, "FLOWS_TOPIC_PARTITIONS": "3"})
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return command


@pytest.fixture
def filled(run: Flows, kafka_bootstrap: str, topic_prefix: str) -> Flows:
    """The same, with topics that hold a run that was delivered (told twice), one that is dead, and strange records."""
    assert run("topics", "apply").returncode == 0

    async def fill() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
        await producer.start()

        async def put(topic: Topic, value: bytes, **more: Any) -> None:
            await producer.send_and_wait(topic.under(topic_prefix), value, **more)

        await put(EVENTS, EVENT.to_bytes())
        await put(
            EVENTS, EVENT.model_copy(update={"id": "e2", "source": "/hooks/form", "type": "webhook.form"}).to_bytes()
        )
        await put(EVENTS, b"not an event")
        await put(ACTIONS, REQUEST.to_bytes())
        await put(ACTIONS, b"{}")
        await put(HISTORY, end("r0", Outcome.DELIVERED, NOW - timedelta(hours=3)), timestamp_ms=1_000_000)
        await put(HISTORY, end("r0", Outcome.DELIVERED, NOW), partition=1)
        await put(HISTORY, end("r1-0123456789", Outcome.DEAD))
        await put(HISTORY, b"\xff")
        await put(ACTIONS_DLQ, REQUEST.to_bytes(), headers=letter())
        await put(ACTIONS_DLQ, b"\xff", headers=[("other", b"x")])
        await producer.stop()

    asyncio.run(fill())
    return run


def test_topics_apply_makes_all_and_twice_is_once(run: Flows) -> None:
    assert "Make it with `flows topics apply`" in run("runs").stderr
    made = run("topics", "apply")
    assert (made.returncode, len(made.stdout.splitlines())) == (0, len(ALL))
    assert run("topics", "apply").stdout.strip() == "All topics are there."
    assert run("runs").stdout.strip() == "No run has ended here yet."
    assert json.loads(run("dead", "list", "--json").stdout) == []


def test_doctor_sees_what_is_missing_and_that_it_is_mended(run: Flows) -> None:
    def remedies() -> dict[str, str]:
        return {one["what"]: one["remedy"] for one in json.loads(run("doctor", "--json").stdout)}

    assert remedies()["topics"] == "flows topics apply"
    run("topics", "apply")
    first = run("db", "migrate")
    assert first.returncode == 0
    assert run("db", "migrate").stdout.strip() == "The tables are up to date."
    assert set(remedies().values()) == {""}
    assert run("doctor").returncode == 0


def test_runs_count_an_end_once_however_often_it_is_told(filled: Flows) -> None:
    rows = json.loads(filled("runs", "--json").stdout)
    assert sorted((row["run_id"], row["outcome"]) for row in rows) == [("r0", "delivered"), ("r1-0123456789", "dead")]
    assert [row["run_id"] for row in json.loads(filled("runs", "--outcome", "dead", "--json").stdout)] == [
        "r1-0123456789"
    ]
    assert json.loads(filled("runs", "--flow", "another", "--json").stdout) == []
    assert "1 older ones are not shown" in filled("runs", "--limit", "1").stdout


def test_a_source_learns_from_what_came(filled: Flows, tmp_path: Path) -> None:
    """Of its own events only; what came otherwise is told, and nothing of it is a surprise any more."""
    file = tmp_path / "sources.yaml"
    schema = "{ type: object, properties: { a: { type: string } } }"
    file.write_text(f"sources:  # ours\n  form: {{ schema: {schema}, token: {{ env: X }} }}\n")
    assert "would be widened by 1" in filled("sources", "learn", "form", "--dry-run").stdout
    done = filled("sources", "learn", "form")
    assert "/a came as a whole number in 1 of 1" in done.stdout
    assert "# ours" in file.read_text()
    assert "takes all of 1 bodies as it is" in filled("sources", "learn", "form").stdout
    assert "no sources file here has 'other'" in filled("sources", "learn", "other").stderr


def test_since_leaves_out_what_is_older(filled: Flows) -> None:
    rows = json.loads(filled("runs", "--since", "1h", "--json").stdout)
    assert len(rows) == 2  # the old telling of r0 is left out, the new one is not
    assert json.loads(filled("runs", "--since", "2100-01-01T00:00:00Z", "--json").stdout) == []


def test_a_dead_letter_is_listed_and_shown_with_its_message_untouched(filled: Flows) -> None:
    ours, strange = json.loads(filled("dead", "list", "--each", "--json").stdout)
    assert (ours["code"], ours["who_must_act"], ours["attempts"]) == ("call_rejected", "author", 3)
    assert "not those of a dead letter" in strange["cause"]
    shown = filled("dead", "show", ours["id"]).stdout
    assert "the CRM said no" in shown
    assert '"name": "Inês"' in shown
    assert filled("dead", "show", strange["id"]).returncode == 0
    assert filled("dead", "show", "actions.dlq/0/99").returncode == 1


def test_a_run_is_told_from_event_to_dead_letter_by_either_id(filled: Flows) -> None:
    told = json.loads(filled("run", "r1-0123456789", "--json").stdout)
    assert told["event"][0]["data"] == {"a": 1}
    assert told["call"][0]["inputs"] == {"name": "Inês"}
    assert told["end"][0]["outcome"] == "dead"
    assert told["dead letter"][0]["cause"] == "the CRM said no"
    by_event = json.loads(filled("run", "e1", "--json").stdout)
    assert {one["run_id"] for one in by_event["end"]} == {"r0", "r1-0123456789"}
    assert "dead letter" in filled("run", "r1-0123456789").stdout
    assert json.loads(filled("run", "r1-012345678", "--json").stdout)["end"] == told["end"]  # as `flows runs` shows it
    assert filled("run", "nobody").returncode == 1
