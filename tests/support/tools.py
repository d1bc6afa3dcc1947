"""Use a tool as a flow does: inputs validated, run to its end, outputs as an expression reads them."""

from __future__ import annotations

from typing import Any

from services.flows.catalogue import Tool
from services.flows.needs import Need
from services.flows.run_tool import run_tool


def use(tool: Tool, **inputs: object) -> dict[str, Any]:
    """The outputs of one run. Raises what the tool raises, ValidationError for inputs that its types do not allow."""
    outputs = run_tool(tool, tool.inputs.model_validate(inputs), ())
    assert not isinstance(outputs, Need)
    return outputs.model_dump(mode="json")
