"""json.parse: JSON text → a value that expressions can walk (orjson; schemas by jsonschema-rs)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import BaseModel, Field

from contracts.json_values import plain
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.declared_numbers import as_declared
from services.runtime.documents import json_schema

DEEPEST = 64


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


class UnclearError(ValueError):
    """JSON that readers disagree about."""


def refuse_deep(value: Any) -> None:  # noqa: ANN401 (a JSON value)
    """Raise UnclearError for what is nested deeper than an event may be: no message could hold it."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [item for each in level if isinstance(each, list | dict) for item in children(each)]
        if not level:
            return
    raise UnclearError(f"it is nested more than {DEEPEST} deep")


def children(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    """What is in it."""
    return value.values() if isinstance(value, dict) else value


def once(pairs: list[tuple[str, Any]]) -> None:
    """Raise UnclearError for a name that stands twice (RFC 8259, section 4). Nothing is made: orjson has made it."""
    if len(dict(pairs)) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise UnclearError(f"the name {twice[:60]!r} stands twice in one object: which is meant?")


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
        Example("a name twice", {"text": '{"id": 7, "id": 8}'}, {"valid": False, "value": None}),
    ],
)
async def json_parse(inputs: Inputs) -> Outputs:
    """Read JSON text from an external API into a value."""
    # Programs of Windows begin a text with a mark that RFC 8259 lets a reader pass over.
    text = inputs.text.removeprefix("\ufeff")
    try:
        value = orjson.loads(text)
        refuse_deep(value)
        json.loads(text, object_pairs_hook=once)
    except (orjson.JSONDecodeError, UnclearError) as error:
        return Outputs(valid=False, reason=str(error))
    if inputs.json_schema is not None:
        if wrong := fault(value, inputs.json_schema):
            return Outputs(valid=False, reason=wrong)
        value = as_declared(value, plain(inputs.json_schema))
    return Outputs(valid=True, value=value)
