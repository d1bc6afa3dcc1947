"""No value of its trigger's type makes an example die: not an empty name, nor a country by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Answer, StepError
from contracts.triggers.payload import Payload
from services.actions.attempt.perform import checked
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS
from services.flows.compile import compile_flow
from services.flows.load import FlowSource, load_paths
from services.flows.testing.simulation import _Stage
from services.project.catalogue import catalogue
from tests.support.schema_values import values

ROOT = Path(__file__).parents[2]
CATALOGUE = catalogue([ROOT / "examples"])
EXAMPLES = {source.name: source for source in load_paths([ROOT / "examples"])[0]}
CONTACT = {"email": "ana@example.pt", "name": "Ana", "phone": "+351912345678", "consent_email": True}
ANSWER = {"name": "Closum", "employees": 7, "contacts": [CONTACT]}
OURS = frozenset({ErrorCode.INPUT_INVALID, ErrorCode.EXPRESSION_FAILED, ErrorCode.TOOL_FAILED, ErrorCode.BUG})
"""Ends that a flow that the checker takes has not."""


def perform(request: ActionRequest) -> Answer:
    """The call succeeds, if its inputs can be called with."""
    action = ACTIONS[request.action]
    inputs = checked(action, request.inputs)
    if isinstance(inputs, Failed):
        error = StepError(code=inputs.code, cause=inputs.cause)
        return Answer(effect_id=request.effect_id, step=request.step, error=error)
    outputs: dict[str, Any] = {"status": 200, "headers": {}, "json": ANSWER, "text": ""}
    if request.action != "http.request":
        outputs = dict(action.signature.examples[0].outputs)
    return Answer(effect_id=request.effect_id, step=request.step, outputs=outputs)


def play(source: FlowSource, trigger: str, body: Any) -> None:
    """One event, to the end of its run and of all its waits."""
    model = CATALOGUE.triggers[trigger]
    assert issubclass(model, Payload)
    try:
        read = model.read(body)
    except ValidationError:
        assume(condition=False)  # ingest answers 422
        return
    at = datetime(2026, 5, 29, 9, tzinfo=UTC)
    subject = read.subject() or "somebody"
    event = Event(id="1", source="/s", type=trigger, subject=subject[:512], time=at, data=orjson.loads(read.to_json()))
    stage = _Stage([compile_flow(source, CATALOGUE.tools)], perform)
    stage.at(at, lambda: stage.arrive(event))
    stage.go()
    for story in stage.stories:
        assert story.code not in OURS, (story.code, story.reason, story.step)
        assert not [call for call in story.calls if call.error is not None], story.calls


CASES = [(name, word.text) for name, source in EXAMPLES.items() for word in source.flow.triggers]


@pytest.mark.parametrize(("name", "trigger"), CASES, ids=[f"{name}-{trigger}" for name, trigger in CASES])
def test_an_example_takes_all_that_its_trigger_allows(name: str, trigger: str) -> None:
    """With calls that succeed: no run ends for what a person has left empty, or written as people do."""
    model = CATALOGUE.triggers[trigger]
    assert issubclass(model, Payload)
    example = dict(model.example)
    fields = values(model.model_json_schema(by_alias=True))
    changed = fields | fields.map(lambda body: {**example, **dict(list(body.items())[:2])})

    @settings(max_examples=60)
    @given(changed | st.just(example))
    def plays(body: Any) -> None:
        play(EXAMPLES[name], trigger, body)

    plays()
