"""lookup: a value by its key in a table that stands in the inputs: an object, or a list of rows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import Example, ToolError, tool
from services.tools.kit.bounds import MAX_ITEMS
from services.tools.kit.conditions import folded
from services.tools.kit.paths import MAX_PATH, first


class Inputs(BaseModel):
    """What it takes."""

    key: Any = Field(description="what to look for, such as ${ trigger.city }")
    table: Any = Field(description="an object of key → value, or a list of rows that are objects")
    key_field: str = Field(default="key", max_length=MAX_PATH, description="for rows: the field that holds the key")
    value_field: str = Field(
        default="", max_length=MAX_PATH, description="the field to give; empty: the whole value or row"
    )
    default: Any = Field(default=None, description="what `value` is when the key is not there")
    ignore_case: bool = Field(default=True, description="whether capitals and spaces around do not count")


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether the key is in the table")
    value: Any = Field(
        default=None, description="the value, or the default", json_schema_extra={"given_with": "default"}
    )


@tool(
    "lookup",
    examples=[
        Example(
            "a manager by city",
            {"key": "lisboa", "table": {"Lisboa": "ana", "Porto": "rui"}, "default": "eva"},
            {"found": True, "value": "ana"},
        ),
        Example(
            "a field of a row",
            {"key": 7, "table": [{"id": 7, "name": "Gold"}], "key_field": "id", "value_field": "name"},
            {"value": "Gold"},
        ),
        Example("not there", {"key": "Faro", "table": {}, "default": "eva"}, {"found": False, "value": "eva"}),
    ],
)
async def lookup(inputs: Inputs) -> Outputs:
    """Look up a value by its key in a table."""

    def same(key: Any) -> bool:  # noqa: ANN401 (a JSON value)
        text = folded(key, ignore_case=inputs.ignore_case)
        return (text.strip() if inputs.ignore_case else text) == wanted

    wanted = folded(inputs.key, ignore_case=inputs.ignore_case)
    wanted = wanted.strip() if inputs.ignore_case else wanted
    if isinstance(inputs.table, dict):
        rows = list(inputs.table.items())
    elif isinstance(inputs.table, list):
        rows = [(first(row, inputs.key_field), row) for row in inputs.table[: MAX_ITEMS + 1]]
    else:
        raise ToolError("table must be an object of key → value, or a list of rows")
    if len(rows) > MAX_ITEMS:
        raise ToolError(f"table has more than {MAX_ITEMS:,} rows")
    if inputs.key is not None:
        for key, value in rows:
            if key is not None and same(key):
                found = first(value, inputs.value_field)
                # A null counts as absent, as everywhere in flows.
                return Outputs(found=True, value=inputs.default if found is None else found)
    return Outputs(found=False, value=inputs.default)
