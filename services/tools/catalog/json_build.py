"""json.build: values → JSON text (orjson)."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.tools.toolkit.size_bounds import bounded


class Inputs(BaseInputs):
    """What it takes."""

    value: Any = Field(description="the object, list or value to write")
    omit_empty: bool = Field(
        default=False, description="true: names of an object whose value is null or empty text are left out"
    )
    pretty: bool = Field(default=False, description="true: indented, for people")
    sort_keys: bool = Field(default=False, description="true: names in alphabetical order")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="JSON in one line, or indented")


def without_empty(value: Any) -> Any:  # noqa: ANN401 (a JSON value)
    """Objects without their empty names, at every depth."""
    if isinstance(value, dict):
        return {name: without_empty(item) for name, item in value.items() if item is not None and item != ""}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value


@tool(
    "json.build",
    group=Group.JSON,
    examples=[
        Example(
            "a body without the empty fields",
            {"value": {"name": "Ana", "phone": "", "age": None}, "omit_empty": True},
            {"text": '{"name":"Ana"}'},
        ),
        Example("names in order", {"value": {"b": 1, "a": [True]}, "sort_keys": True}, {"text": '{"a":[true],"b":1}'}),
    ],
)
async def json_build(inputs: Inputs) -> Outputs:
    """Write a value as JSON text."""
    options = (orjson.OPT_SORT_KEYS if inputs.sort_keys else 0) | (orjson.OPT_INDENT_2 if inputs.pretty else 0)
    try:
        text = orjson.dumps(without_empty(inputs.value) if inputs.omit_empty else inputs.value, option=options).decode()
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise ToolError(f"value cannot be written as JSON: {error}") from None
    bounded(len(text), "JSON text")
    return Outputs(text=text)
