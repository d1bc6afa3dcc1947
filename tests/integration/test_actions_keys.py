"""Calls of unknown outcome, by a real worker: made again only where the connection says that they are recognised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.actions import ActionRequest, Retry
from contracts.errors import ErrorCode
from contracts.runs import Answer, HistoryRecord, Outcome, RunMessage
from contracts.topics import HISTORY, RUNS
from tests.support.actions import Kafka, kafka, request, worker
from tests.support.closum import Closum, closum

PHONE = "+351912345678"
MORE = """\
  plain: {{ base_url: "{url}/crm", authentication: {{ bearer: {{ env: TEST_TOKEN }} }} }}
  short:
    base_url: {url}/crm
    authentication: {{ bearer: {{ env: TEST_TOKEN }} }}
    idempotency: {{ header: Idempotency-Key, for: 1s }}
"""


@dataclass
class Stage:
    """All parts of one test."""

    kafka: Kafka
    closum: Closum

    async def end(self, number: int, connection: str, *, old: bool = False, **more: Any) -> HistoryRecord | Answer:
        """How one call ends whose connection is cut after it had its effect, the first time."""
        self.closum.fault(path="/crm/*", kind=more.pop("fault", "cut_after"), times=1)
        await self.kafka.put([asked(number, connection, old=old, **more)])

        def answers(found: list[Any]) -> list[Answer]:
            read = [RunMessage.model_validate_json(one.value) for one in found]
            return [one.answer for one in read if one.answer is not None and one.run.id == f"r{number}"]

        def ends(found: list[Any]) -> list[HistoryRecord]:
            read = [HistoryRecord.model_validate_json(one.value) for one in found]
            return [one for one in read if one.run_id == f"r{number}"]

        if more.get("unknown"):
            return ends(await self.kafka.take(HISTORY, lambda found: bool(ends(found))))[0]
        return answers(await self.kafka.take(RUNS, lambda found: bool(answers(found))))[0]


def asked(number: int, connection: str, *, old: bool, unknown: bool = False, **more: Any) -> ActionRequest:
    """A POST of which the flow says no more; by a run of this release, or of one before."""
    del unknown
    made = request(number, PHONE, connection=connection, **more)
    run = made.run.model_copy(update={"keys_declared": None if old else True})
    return made.model_copy(update={"run": run})


@pytest.fixture
async def stage(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str) -> AsyncIterator[Stage]:
    """A worker at work."""
    with closum() as stand_in:
        async with kafka(kafka_bootstrap, topic_prefix) as topics:
            more = MORE.format(url=stand_in.url)
            with worker(
                topics, tmp_path, stand_in.url, own_database, more=more, TEST_TOKEN="t0ken", FLOWS_VERIFY_SECONDS="1"
            ) as one:
                one.start()
                yield Stage(topics, stand_in)


async def test_a_call_is_repeated_only_while_its_destination_recognises_it(stage: Stage) -> None:
    """Nothing declared: unknown. Declared: under its key. Forgotten: unknown. A run of before: under its key."""
    slow = Retry(attempts=3, within_seconds=60, schedule_seconds=[2, 2])

    undeclared = await stage.end(1, "plain", unknown=True)
    forgotten = await stage.end(2, "short", retry=slow, unknown=True)
    for end in (undeclared, forgotten):
        assert isinstance(end, HistoryRecord)
        assert (end.outcome, end.code) == (Outcome.UNKNOWN, ErrorCode.CALL_INTERRUPTED)
    assert isinstance(forgotten, HistoryRecord)
    assert "does not recognise the repetition any more" in (forgotten.reason or "")

    ask = {
        "verify": {
            "url": "/contacts",
            "json_schema": {
                "properties": {"contacts": {"contains": {"required": ["n"], "properties": {"n": {"const": 5}}}}}
            },
        }
    }
    asked_for = {**request(5, PHONE).inputs, **ask}
    for answer in (
        await stage.end(3, "crm"),
        await stage.end(4, "plain", old=True),
        # Cut off before it acted, forgotten, not there when the destination is asked: called again.
        await stage.end(5, "short", retry=slow, fault="cut_before", inputs=asked_for),
    ):
        assert isinstance(answer, Answer)
        assert answer.error is None

    requests = stage.closum.state("requests")
    keys = [one["key"] for one in requests]
    assert [keys.count(asked(number, "crm", old=False).effect_id) for number in range(1, 6)] == [0, 1, 2, 2, 2]
    posted = [one["key"] for one in requests if one["method"] == "POST"]
    assert posted.count(None) == 1, "nobody declared that a key means something there, so none is sent"
    assert len(stage.closum.state("effects")) == 5
