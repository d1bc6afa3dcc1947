"""One attempt has one of few outcomes, and only a harmless one is repeated."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import BaseModel, Field

from contracts.errors import ErrorCode
from services.actions.action import Implementation
from services.actions.action_call import ActionCall, CallFailedError
from services.actions.attempt.perform import attempt, checked
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS
from services.flows.catalogue import Action, BaseInputs, Guarantee
from tests.unit.actions.calls import FakeCall


class Inputs(BaseInputs):
    """Of the action under test."""

    promised: Guarantee = Guarantee.KEYED


class Outputs(BaseModel):
    """Of the action under test."""

    ok: bool = Field(serialization_alias="OK")


async def _run(inputs: Inputs, call: ActionCall) -> Outputs:
    await call("POST", "/", guarantee=inputs.promised)
    return Outputs(ok=True)


ONE = Implementation(Action("a.b", "Do it.", Inputs, Outputs), _run)


async def test_done() -> None:
    """Outputs under the names that flows see."""
    assert await attempt(ONE, Inputs(), FakeCall({})) == Done({"OK": True})


@pytest.mark.parametrize(
    ("code", "happened", "guarantee", "again"),
    [
        (ErrorCode.CALL_REFUSED, False, Guarantee.AT_MOST_ONCE, True),
        (ErrorCode.DESTINATION_BUSY, False, Guarantee.AT_MOST_ONCE, True),
        (ErrorCode.CALL_TIMED_OUT, True, Guarantee.AT_MOST_ONCE, False),
        (ErrorCode.CALL_INTERRUPTED, True, Guarantee.AT_MOST_ONCE, False),
        (ErrorCode.DESTINATION_FAILED, True, Guarantee.AT_MOST_ONCE, False),
        (ErrorCode.CALL_TIMED_OUT, True, Guarantee.KEYED, True),
        (ErrorCode.CALL_INTERRUPTED, True, Guarantee.REPEATABLE, True),
        (ErrorCode.CALL_REJECTED, False, Guarantee.REPEATABLE, False),
        (ErrorCode.ANSWER_INVALID, True, Guarantee.REPEATABLE, False),
    ],
)
async def test_what_is_tried_again(*, code: ErrorCode, happened: bool, guarantee: Guarantee, again: bool) -> None:
    """Certainly not sent: always. The effect may be there: only by the guarantee. A final error: never."""
    error = CallFailedError(code, "so it was", effect_possible=happened, retry_after_seconds=2)
    outcome = await attempt(ONE, Inputs(promised=guarantee), FakeCall(error))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.again, outcome.retry_after_seconds) == (code, again, 2)
    unknown = happened and code.retriable and not again
    assert ("may have happened" in outcome.cause) is unknown


async def test_a_bug_in_an_action_is_told_as_one() -> None:
    """It ends this call, not the worker."""

    async def broken(_inputs: Any, _call: ActionCall) -> Outputs:
        raise ZeroDivisionError

    outcome = await attempt(Implementation(ONE.signature, broken), Inputs(), FakeCall({}))
    assert outcome == Failed(ErrorCode.BUG, "a.b: ZeroDivisionError", again=False)


def test_wrong_inputs_are_told_by_field() -> None:
    """Without their values: they are somebody's data."""
    outcome = checked(ONE, {"promised": "private"})
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.INPUT_INVALID
    assert "a.b: promised: " in outcome.cause
    assert "private" not in outcome.cause


async def test_what_is_left_is_shown_as_a_metric() -> None:
    """The output that the action names, by connection."""
    shown = Implementation(ONE.signature, _run, gauge="ok")
    assert await attempt(shown, Inputs(), FakeCall({}, connection="shown")) == Done({"OK": True})
    assert REGISTRY.get_sample_value("flows_credits_left", {"connection": "shown"}) == 1.0


def test_all_that_is_wrong_with_inputs_is_told() -> None:
    """In our words, one after the other."""
    outcome = checked(ACTIONS["http.request"], {"method": "no", "json": {}, "verify": 1})
    assert isinstance(outcome, Failed)
    assert not outcome.again
    first, *others = outcome.cause.removeprefix("http.request: ").split("; ")
    assert first.startswith("method: ")
    assert [one.partition(":")[0] for one in others] == ["url", "verify"]
    own = checked(ACTIONS["http.request"], {"method": "PUT", "url": "/x", "verify": {"url": "/x"}})
    assert isinstance(own, Failed)
    assert "Value error" not in own.cause
