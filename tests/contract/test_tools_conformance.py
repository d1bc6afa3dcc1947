"""What every tool promises, proved over the whole catalogue: a new tool is under it without a line here."""

from __future__ import annotations

import copy
import time
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

import services.tools.catalog
from services.flows.catalogue import Tool, ToolError, collect
from services.flows.needs import Need
from services.flows.refined import Refined, mark_of
from services.flows.run_tool import run_tool
from tests.support.tool_inputs import inputs_of

TOOLS = collect(services.tools.catalog)
SLOWEST_SECONDS = 5.0
every_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


def run(tool: Tool, inputs: BaseModel) -> BaseModel | Need[Any] | str:
    """Outputs, the first need of a tool with state, or the text of its ToolError."""
    try:
        return run_tool(tool, inputs, ())
    except ToolError as error:
        return str(error)


@every_tool
def test_a_tool_is_described(tool: Tool) -> None:
    """A catalogue line, and a description of every input and output."""
    assert tool.line.endswith(".")
    for model in (tool.inputs, tool.outputs):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


@every_tool
def test_a_tools_examples_are_true(tool: Tool) -> None:
    """At least one example, and each one's outputs are what really comes."""
    assert tool.examples
    for example in tool.examples:
        outputs = run(tool, tool.inputs.model_validate(dict(example.inputs)))
        if isinstance(outputs, Need):
            continue
        assert isinstance(outputs, tool.outputs), f"{example.says}: {outputs}"
        dumped = outputs.model_dump(mode="json")
        assert {name: dumped[name] for name in example.outputs} == dict(example.outputs), example.says


@every_tool
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_tool_takes_all_that_its_types_allow(tool: Tool, data: st.DataObject) -> None:
    """Valid inputs give Outputs or a ToolError for the flow's author, twice the same, soon, and stay as they were."""
    given_inputs = data.draw(inputs_of(tool.inputs))
    inputs = tool.inputs.model_validate(copy.deepcopy(given_inputs))
    before = copy.deepcopy(inputs.model_dump())
    started = time.process_time()
    first = run(tool, inputs)
    assert time.process_time() - started < SLOWEST_SECONDS
    second = run(tool, tool.inputs.model_validate(copy.deepcopy(given_inputs)))
    assert first == second
    assert inputs.model_dump() == before
    if isinstance(first, str):
        assert first
        assert "\n" not in first
    elif isinstance(first, BaseModel):
        assert isinstance(first, tool.outputs)
        assert orjson.loads(orjson.dumps(first.model_dump(mode="json"))) == first.model_dump(mode="json")
        for name, field in tool.outputs.model_fields.items():
            if isinstance(mark_of(field), Refined) and getattr(first, name):
                TypeAdapter(field.rebuild_annotation()).validate_python(getattr(first, name))
