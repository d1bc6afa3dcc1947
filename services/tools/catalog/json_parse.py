"""json.parse: JSON text → a value that expressions can walk (orjson; schemas by jsonschema-rs)."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, Field

from contracts.json_values import plain
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.runtime.documents import json_schema


class Inputs(BaseInputs):
    """What it takes."""

    text: str = Field(max_length=500_000, description="JSON, as an external API or a form field gives it")
    json_schema: dict[str, Any] | None = Field(
        default=None, description="JSON Schema that the value must match; the checker then knows the value's shape"
    )


class Outputs(BaseModel):
    """What it gives. `value` is absent when the text is not JSON, or not of the schema; then `reason` says why."""

    valid: bool = Field(description="whether the text is JSON, and matches the schema when there is one")
    value: Any = Field(
        default=None,
        description="the value, as an expression walks it: parsed.value.contact.name",
        json_schema_extra={"given_when": "valid", "typed_by": "json_schema"},
    )
    reason: str = Field(default="", description="what is wrong, and where: line and column, or path")


def fault(value: Any, schema: dict[str, Any]) -> str:  # noqa: ANN401 (a JSON value)
    """The first that does not match, with its place, or empty. Not all: a hostile list has 200,000 of them."""
    try:
        # The type checker takes `format: email` for what it says.
        validator = json_schema.validator(plain(schema), formats=True)
    except json_schema.SchemaError as error:
        raise ToolError(f"json_schema cannot be used: {error}") from None
    if (found := json_schema.mismatch(validator, value)) is None:
        return ""
    path, what = found
    return f"{path}: {what[:500]}"


@tool(
    "json.parse",
    group=Group.JSON,
    examples=[
        Example(
            "an API's answer", {"text": '{"id": 7, "tags": ["a"]}'}, {"valid": True, "value": {"id": 7, "tags": ["a"]}}
        ),
        Example(
            "not of the wanted shape",
            {"text": '{"id": "x"}', "json_schema": {"properties": {"id": {"type": "integer"}}}},
            {"valid": False, "value": None, "reason": '/id: "x" is not of type "integer"'},
        ),
        Example("no JSON", {"text": "{id: 7}"}, {"valid": False, "value": None}),
    ],
)
async def json_parse(inputs: Inputs) -> Outputs:
    """Read JSON text from an external API into a value."""
    try:
        value = orjson.loads(inputs.text)
    except orjson.JSONDecodeError as error:
        return Outputs(valid=False, reason=str(error))
    wrong = fault(value, inputs.json_schema) if inputs.json_schema is not None else ""
    if wrong:
        return Outputs(valid=False, reason=wrong)
    return Outputs(valid=True, value=value)
