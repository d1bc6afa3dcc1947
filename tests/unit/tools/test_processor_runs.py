"""What becomes of a batch of runs: those that an action answered, and those that hopped to their own key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode, WhoMustAct
from contracts.runs import StepError
from contracts.topics import ACTIONS, HISTORY, RUNS, RUNS_DLQ
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools.batch_processor import BatchProcessor
from tests.support import batches


async def asked(folder: Path, *texts: str) -> tuple[BatchProcessor, batches.Published, dict[str, Any]]:
    """A processor that has taken one event, and the request that it made."""
    processor, published = batches.processor(batches.compiled(folder, *texts))
    await processor.events(batches.records(batches.event(1)))
    (request,) = published.to(ACTIONS)
    published.outputs.clear()
    return processor, published, request


async def test_an_answer_takes_the_run_on(tmp_path: Path) -> None:
    processor, published, request = await asked(tmp_path, batches.TWO_CALLS)
    assert request["last"] is False
    outputs = {"status": 201, "headers": {}, "json": None, "text": ""}
    await processor.runs([batches.reply(request, outputs=outputs)])
    (second,) = published.to(ACTIONS)
    assert second["inputs"]["json"] == {"status": 201}
    assert second["last"] is True
    assert second["effect_id"] != request["effect_id"]
    assert second["run"]["id"] == request["run"]["id"]


async def test_the_same_answer_twice_makes_the_same_request_twice(tmp_path: Path) -> None:
    """At least once on the way, one effect id: that is what makes it one effect."""
    processor, published, request = await asked(tmp_path, batches.TWO_CALLS)
    answer = batches.reply(request, outputs={"status": 201})
    await processor.runs([answer])
    await processor.runs([answer, answer])
    assert len({second["effect_id"] for second in published.to(ACTIONS)}) == 1


async def test_an_answer_with_an_error_that_the_flow_does_not_handle_ends_the_run(tmp_path: Path) -> None:
    processor, published, request = await asked(tmp_path, batches.TWO_CALLS)
    error = StepError(code=ErrorCode.CALL_REJECTED, cause="HTTP 404", attempts=1)
    await processor.runs([batches.reply(request, error=error)])
    (end,) = published.to(HISTORY)
    assert (end["outcome"], end["code"], end["run_id"]) == ("dead", "call_rejected", request["run"]["id"])
    assert published.outputs[0].topic is RUNS_DLQ
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert (letter.code, letter.cause, letter.step) == (error.code, "HTTP 404", request["step"])
    assert (end["reason"], end["step"]) == ("HTTP 404", request["step"])


@pytest.mark.parametrize(("code", "done"), [(ErrorCode.CALL_REJECTED, 1), (ErrorCode.CALL_LOST, 2)])
async def test_a_run_that_dies_says_how_many_calls_were_done(tmp_path: Path, code: ErrorCode, done: int) -> None:
    """Those before it, and the last one too if it may have been: who had a mail of this run is not free for another."""
    told: list[DeadRunMark] = []

    async def died(deaths: Sequence[DeadRunMark]) -> None:
        told.extend(deaths)

    flows = batches.compiled(tmp_path, batches.TWO_CALLS)
    for version in (flows, []):  # the second time nobody has its flow any more
        processor, published = batches.processor(flows, died=died)
        await processor.events(batches.records(batches.event(1)))
        await processor.runs([batches.reply(published.to(ACTIONS)[0], outputs={"status": 200})])
        assert told == []
        second = published.to(ACTIONS)[1]
        assert second["run"]["done"] == 1
        processor, _ = batches.processor(version, died=died)
        await processor.runs([batches.reply(second, error=StepError(code=code, cause="why"))])
        assert [(death.run_id, death.done) for death in told] == [(second["run"]["id"], done)]
        told.clear()


async def test_a_flow_goes_on_in_spite_of_an_error_where_it_says_so(tmp_path: Path) -> None:
    text = batches.ONE_CALL + "    on_error: continue\n"
    processor, published, request = await asked(tmp_path, text)
    error = StepError(code=ErrorCode.CALL_REJECTED, cause="HTTP 404", attempts=1)
    await processor.runs([batches.reply(request, error=error)])
    assert published.ends() == [("delivered", None)]


async def test_a_run_of_a_version_that_is_not_loaded_is_dead_for_the_operator(tmp_path: Path) -> None:
    processor, published, request = await asked(tmp_path, batches.TWO_CALLS)
    request["run"]["version"] = "0" * 32
    record = batches.reply(request, outputs={"status": 200})
    await processor.runs([record])
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert published.outputs[0].topic is RUNS_DLQ
    assert published.outputs[0].value == record.value
    assert (letter.code, letter.who_must_act) == (ErrorCode.FLOW_UNKNOWN, WhoMustAct.OPERATOR)
    assert (letter.run_id, letter.flow) == (request["run"]["id"], "two-calls")
    assert published.ends() == [("dead", "flow_unknown")]


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"{}", b'{"run": {}}'])
async def test_what_is_no_run_is_dead_with_untouched_bytes(tmp_path: Path, value: bytes | None) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, batches.ONE_CALL))
    await processor.runs([batches.record(value, 4, topic=RUNS)])
    letter = DeadLetter.from_headers(published.outputs[0].headers or [])
    assert (published.outputs[0].topic, published.outputs[0].value) == (RUNS_DLQ, value)
    assert (letter.code, letter.topic, letter.offset) == (ErrorCode.RUN_INVALID, "test.runs", 4)
    assert published.ends() == [("dead", "run_invalid")]


async def test_an_answer_that_nobody_asked_for_is_dead(tmp_path: Path) -> None:
    processor, published, request = await asked(tmp_path, batches.TWO_CALLS)
    request["effect_id"] = "f" * 32
    await processor.runs([batches.reply(request, outputs={})])
    assert published.ends() == [("dead", "run_invalid")]
