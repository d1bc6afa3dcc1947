"""Which dead letters of actions free what their run claimed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools.dead_run_marks import DeadRunMarker, dead_runs_of
from services.tools.settings import ToolsSettings
from tests.support.actions import request


def letter(number: int, code: ErrorCode, value: bytes | None = None) -> ConsumerRecord:
    """A dead letter of the topic actions.dlq."""
    headers = DeadLetter.of(("actions", 0, number), code, "why", "actions").to_headers()
    return cast(
        "ConsumerRecord",
        SimpleNamespace(headers=tuple(headers), partition=0, offset=number, value=value or request(number).to_bytes()),
    )


def test_a_call_that_certainly_had_no_effect_frees_what_its_run_claimed() -> None:
    found = dead_runs_of([letter(1, ErrorCode.CALL_REJECTED), letter(2, ErrorCode.CALL_REFUSED)])
    assert [(death.run_id, death.done, death.account) for death in found] == [
        ("r1", 0, "default"),
        ("r2", 0, "default"),
    ]
    assert [death.effect_id for death in found] == [request(number).effect_id for number in (1, 2)]
    assert all(death.at is not None for death in found)


def test_a_call_that_may_have_had_its_effect_does_not() -> None:
    codes = (ErrorCode.CALL_TIMED_OUT, ErrorCode.CALL_INTERRUPTED, ErrorCode.ANSWER_INVALID)
    assert dead_runs_of([letter(number, code) for number, code in enumerate(codes)]) == []


def test_what_nobody_can_read_frees_nothing() -> None:
    strange: Any = SimpleNamespace(headers=(("flows-code", b"\xff"), ("flows-at", None)), value=b"{")
    bare: Any = SimpleNamespace(headers=(), value=None)
    assert dead_runs_of([letter(1, ErrorCode.REQUEST_INVALID, b"not json"), strange, bare]) == []


class Letters:
    """A consumer that gives these once."""

    def __init__(self, letters: Sequence[Any]) -> None:
        self.batches = [{"place": list(letters)}]
        self.committed = asyncio.Event()

    async def getmany(self, timeout_ms: int) -> dict[str, list[Any]]:
        """All at once, then nothing for ever."""
        if not self.batches:
            await asyncio.sleep(1000 * timeout_ms)
        return self.batches.pop()

    async def commit(self) -> None:
        """Note it."""
        self.committed.set()


@pytest.mark.parametrize("error", [asyncpg.DataError("done is over 32 bits"), KeyError("nobody foresaw it")])
async def test_a_letter_that_raises_is_passed_over_and_told(error: Exception) -> None:
    """The others are marked, all are committed, and the loop goes on."""
    marked: set[str] = set()

    async def mark(dead: Sequence[DeadRunMark]) -> None:
        if any(death.run_id == "r7" for death in dead):
            raise error
        marked.update(death.run_id for death in dead)

    letters = Letters([letter(number, ErrorCode.CALL_REJECTED) for number in range(20)])
    with capture_logs() as logs:
        following = asyncio.create_task(DeadRunMarker(ToolsSettings(), mark)._follow(cast("Any", letters)))
        await asyncio.wait_for(letters.committed.wait(), 5)
        assert not following.done()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert marked == {f"r{number}" for number in range(20) if number != 7}
    assert [(one["event"], one["offset"]) for one in logs] == [("letter.broke", 7)]
