"""What of a call's end is its flow's own fault: what its deploy does to everybody, never what one value does."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.outcome import Failed
from services.actions.queue import flow_faults
from services.runtime import metrics
from services.runtime.flow_hold import FlowHold
from tests.support import actions


def request(number: int, **inputs: Any) -> ActionRequest:
    """A call for a contact of its own."""
    one = actions.request(number, f"contact-{number}")
    return one.model_copy(update={"inputs": one.inputs | inputs})


def failed(code: ErrorCode, status: int | None = None) -> Failed:
    """An end that is none."""
    return Failed(code, "why", again=False, status=status)


REJECTED = ErrorCode.CALL_REJECTED
FLOWS_OWN: list[Failed] = [
    failed(ErrorCode.CONNECTION_UNKNOWN),
    failed(ErrorCode.ACTION_UNKNOWN),
    failed(REJECTED, 404),
    failed(REJECTED, 405),
]
OTHERS: list[Failed] = [
    *(failed(code) for code in ErrorCode if code not in flow_faults.NOT_THERE),
    *(failed(REJECTED, status) for status in (400, 409, 410, 413, 422)),
    *(failed(ErrorCode.CREDENTIALS_REFUSED, status) for status in (401, 403, 407)),
]


def died(one: Failed, hole: str = "") -> bool:
    """Whether a flow is held after a hundred contacts' calls ended so; with a hole each calls another path."""
    hold = FlowHold(10, gauge=metrics.FLOW_HELD)
    for number in range(100):
        what = request(number, **({"url": f"/contacts/{number}"} if hole else {}))
        flow_faults.came(hold, what)
        flow_faults.died(hold, what, one, hold.now())
    return hold.holds(request(0).run.flow)


@pytest.mark.parametrize("one", FLOWS_OWN)
def test_what_the_deploy_does_to_everybody_holds_the_flow(one: Failed) -> None:
    """Whatever contact it is."""
    assert died(one)


@pytest.mark.parametrize("one", OTHERS)
def test_what_else_can_end_a_call_holds_nobody(one: Failed) -> None:
    """A value, a secret, the destination, a bug."""
    assert not died(one)


@pytest.mark.parametrize("status", [404, 405])
def test_a_path_with_a_hole_holds_nobody(status: int) -> None:
    """The contact is not there."""
    assert not died(failed(REJECTED, status), hole="{}")


def test_a_call_that_is_done_ends_the_hold() -> None:
    """Of the same step."""
    hold = FlowHold(10, gauge=metrics.FLOW_HELD)
    for number in range(10):
        flow_faults.died(hold, request(number), failed(REJECTED, 404), hold.now())
    flow = request(0).run.flow
    assert hold.holds(flow)
    flow_faults.passed(hold, request(11))
    assert not hold.holds(flow)
