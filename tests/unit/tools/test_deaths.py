"""Which dead letters of actions free what their run claimed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from aiokafka import ConsumerRecord

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from services.tools.deaths import deaths
from tests.support.actions import request


def letter(number: int, code: ErrorCode, value: bytes | None = None) -> ConsumerRecord:
    """A dead letter of the topic actions.dlq."""
    headers = DeadLetter.of(("actions", 0, number), code, "why", "actions").to_headers()
    return cast("ConsumerRecord", SimpleNamespace(headers=tuple(headers), value=value or request(number).to_bytes()))


def test_a_call_that_certainly_had_no_effect_frees_what_its_run_claimed() -> None:
    found = deaths([letter(1, ErrorCode.CALL_REJECTED), letter(2, ErrorCode.CALL_REFUSED)])
    assert [(death.run_id, death.done, death.account) for death in found] == [
        ("r1", 0, "default"),
        ("r2", 0, "default"),
    ]
    assert [death.effect_id for death in found] == [request(number).effect_id for number in (1, 2)]
    assert all(death.at is not None for death in found)


def test_a_call_that_may_have_had_its_effect_does_not() -> None:
    codes = (ErrorCode.CALL_TIMED_OUT, ErrorCode.CALL_INTERRUPTED, ErrorCode.ANSWER_INVALID)
    assert deaths([letter(number, code) for number, code in enumerate(codes)]) == []


def test_what_nobody_can_read_frees_nothing() -> None:
    strange: Any = SimpleNamespace(headers=(("flows-code", b"\xff"),), value=b"{")
    bare: Any = SimpleNamespace(headers=(), value=None)
    assert deaths([letter(1, ErrorCode.REQUEST_INVALID, b"not json"), strange, bare]) == []
