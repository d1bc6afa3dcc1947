"""A flow played with one event of its trigger's type, in memory: what its runs end with, and what they call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Outcome, StepError
from contracts.triggers.payload import Payload
from services.actions.attempt.perform import checked
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS
from services.flows.compiled import CompiledFlow
from services.flows.testing.simulation import Perform, Performed, _Stage
from services.flows.testing.story import Story

CONTACT = {"email": "ana@example.pt", "name": "Ana", "phone": "+351912345678", "consent_email": True}
ANSWER = {"name": "Closum", "employees": 7, "contacts": [CONTACT]}
DIED = frozenset({ErrorCode.INPUT_INVALID, ErrorCode.EXPRESSION_FAILED, ErrorCode.TOOL_FAILED, ErrorCode.BUG})
"""Ends that a flow that the checker takes has not."""
AT = datetime(2026, 5, 29, 9, tzinfo=UTC)


def perform(request: ActionRequest) -> Performed:
    """The call succeeds, if its inputs can be called with."""
    action = ACTIONS[request.action]
    inputs = checked(action, request.inputs)
    if isinstance(inputs, Failed):
        error = StepError(code=inputs.code, cause=inputs.cause)
        ends = None if request.resume_on_error else Outcome.DEAD
        return Performed(effect_id=request.effect_id, step=request.step, error=error, ends=ends)
    outputs: dict[str, Any] = {"status": 200, "headers": {}, "json": ANSWER, "text": ""}
    if request.action != "http.request":
        outputs = dict(action.signature.examples[0].outputs)
    return Performed(effect_id=request.effect_id, step=request.step, outputs=outputs)


def refused(request: ActionRequest) -> Performed:
    """The same, but each call fails whose failure its flow goes on after."""
    if request.resume_on_error:
        error = StepError(code=ErrorCode.CALL_REJECTED, cause="as the test says")
        return Performed(effect_id=request.effect_id, step=request.step, error=error)
    return perform(request)


def event(trigger: str, read: Payload) -> Event:
    """The event of this payload."""
    subject = (read.subject() or "somebody")[:512]
    return Event(id="1", source="/s", type=trigger, subject=subject, time=AT, data=orjson.loads(read.to_json()))


def stories(flow: CompiledFlow, given: Sequence[Event], answered: Perform = perform) -> list[Story]:
    """Events one after the other, those that mean something to the flow, to the end of their runs and of all waits."""
    stage = _Stage([flow], answered)
    for each in (each for each in given if each.type in {*flow.triggers, *flow.ending}):
        stage.at(each.accepted or each.time, partial(stage.arrive, each))
    stage.go()
    return stage.stories


def deaths(told: list[Story]) -> list[str]:
    """Why runs died of what a checker is to find: of themselves, or of inputs that a call cannot be made with."""
    died = [f"{story.code} at {story.step}: {story.reason}" for story in told if story.code in DIED]
    calls = [call for story in told for call in story.calls if call.error is not None and call.error.code in DIED]
    return died + [f"{call.action}: {call.error.cause}" for call in calls if call.error is not None]
