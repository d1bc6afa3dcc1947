"""Which ends of calls are a flow's own fault, by its deploy: evidence for `services.runtime.flow_hold`.

A connection or an action that is not there; HTTP 404 and 405. The last two are told with the URL as it was called: one
with a hole differs from subject to subject, and gathers no evidence. What a value, a contact, a secret or the
destination is to blame for is no flow's fault.
"""

from __future__ import annotations

from http import HTTPStatus

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.attempt.states import Ended
from services.actions.outcome import Done, Failed
from services.flows.iterations import path_of
from services.runtime.flow_hold import FlowHold

NOT_THERE = frozenset({ErrorCode.CONNECTION_UNKNOWN, ErrorCode.ACTION_UNKNOWN})
WRONG_PATH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


def fault(request: ActionRequest, failed: Failed) -> str | None:
    """The cause as all have it who die of it; None: not the flow's.

    >>> fault(ActionRequest.model_construct(action="a", inputs={}), Failed(ErrorCode.CALL_REJECTED, "", again=False))
    """
    if failed.code in NOT_THERE:
        return f"{failed.code.value}: {request.action}, connection {request.connection}"
    if failed.status not in WRONG_PATH:
        return None
    path = " ".join(str(request.inputs[part]) for part in ("method", "url") if part in request.inputs)
    return f"HTTP {failed.status}: {path or request.action}"


def came(hold: FlowHold, request: ActionRequest) -> None:
    """A request was read: its flow's version runs."""
    event = request.run.event
    hold.runs(request.run.flow, request.run.version, event.accepted or event.time)


def ended(hold: FlowHold, request: ActionRequest | None, came: Ended, began: float) -> None:
    """Its end was acknowledged; its last attempt began then, by the hold's clock."""
    if request is None:
        return
    if isinstance(came.outcome, Done):
        passed(hold, request)
    elif came.dead:
        died(hold, request, came.outcome, began)


def passed(hold: FlowHold, request: ActionRequest) -> None:
    """Its call was done."""
    hold.passed(request.run.flow, request.run.version, (path_of(request.step),))


def died(hold: FlowHold, request: ActionRequest, failed: Failed, began: float) -> None:
    """Its run is dead."""
    if (cause := fault(request, failed)) is not None:
        run = request.run
        hold.failed(run.flow, run.version, path_of(request.step), cause, subject=run.key, began=began)
