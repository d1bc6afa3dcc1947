"""What every tool with state promises, run to its end in memory: its examples, and whatever its types allow."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import services.tools.catalog
from services.flows.catalogue import Tool, ToolError, collect
from services.flows.needs import Need
from tests.contract.test_tools_conformance import run
from tests.support.stateful import Runs
from tests.support.tool_inputs import inputs_of


def asks(tool: Tool) -> bool:
    """Whether it needs anything, with its first example."""
    return isinstance(run(tool, tool.inputs.model_validate(dict(tool.examples[0].inputs))), Need)


TOOLS = {name: tool for name, tool in collect(services.tools.catalog).items() if asks(tool)}
every_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


def result(runs: Runs, tool: Tool, inputs: dict[str, Any]) -> Any:
    """What comes of it: outputs, a reason to stop, a moment to wait for, or the author's mistake."""
    try:
        return runs.use(tool, "one", **inputs)
    except ToolError as error:
        return f"error: {error}"


@every_tool
def test_examples_are_true_where_nothing_is_kept_yet(tool: Tool) -> None:
    for example in tool.examples:
        outputs = Runs().outputs(tool, "one", **example.inputs)
        assert {name: outputs[name] for name in example.outputs} == dict(example.outputs), example.says


@every_tool
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_whatever_its_types_allow_is_answered_twice_the_same_and_can_be_kept(tool: Tool, data: st.DataObject) -> None:
    inputs = data.draw(inputs_of(tool.inputs))
    runs = Runs()
    found = result(runs, tool, inputs)
    assert result(runs, tool, inputs) == found
    assert orjson.dumps(found)
