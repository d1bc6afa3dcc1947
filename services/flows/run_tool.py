"""Runs a tool without an event loop: a tool is an `async def` that awaits nothing but needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from services.flows.catalogue import Tool
from services.flows.needs import Need


def run_tool(tool: Tool, inputs: BaseModel, answers: Sequence[object]) -> BaseModel | Need[Any]:
    """The tool's outputs, or its first need that `answers` do not answer. Raises what the tool raises.

    Raises TypeError for a tool that awaits anything but a Need: it would need an event loop, which `advance` has not.
    """
    running = tool.run(inputs)
    try:
        need = running.send(None)
        for answer in answers:
            need = running.send(answer)
    except StopIteration as done:
        outputs: BaseModel = done.value
        return outputs
    running.close()
    if not isinstance(need, Need):
        raise TypeError(f"tool {tool.name!r} awaits {type(need).__name__}: a tool awaits needs only")
    return need
