"""json.pick: values out of a value, by paths such as `lines[*].price`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, pick


class Inputs(BaseInputs):
    """What it takes."""

    value: Any = Field(description="the object or list to look into")
    path: ValuePath = Field(
        max_length=MAX_PATH, description='such as contact.name, lines[0].price, lines[*].price, headers["x.id"]'
    )
    default: Any = Field(default=None, description="what `value` is when the path finds nothing")


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether the path finds anything")
    value: Any = Field(
        default=None, description="the first that it finds, or the default", json_schema_extra={"given_with": "default"}
    )
    items: list[Any] = Field(default_factory=list, description="all that it finds, in order")


@tool(
    "json.pick",
    group=Group.JSON,
    examples=[
        Example(
            "one value",
            {"value": {"contact": {"phones": ["912", "913"]}}, "path": "contact.phones[0]"},
            {"found": True, "value": "912"},
        ),
        Example(
            "one field of every item",
            {"value": {"lines": [{"price": 3}, {"price": 4}]}, "path": "lines[*].price"},
            {"items": [3, 4]},
        ),
        Example("not there", {"value": {}, "path": "a.b", "default": "none"}, {"found": False, "value": "none"}),
    ],
)
async def json_pick(inputs: Inputs) -> Outputs:
    """Take values out of an object or list by a path."""
    items = pick(inputs.value, inputs.path)
    # A null counts as absent, as everywhere in flows.
    value = items[0] if items and items[0] is not None else inputs.default
    return Outputs(found=bool(items), value=value, items=items)
