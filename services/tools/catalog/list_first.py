"""list.first: the first or last item, or the first few."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import MAX_ITEMS, Items


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    count: int = Field(default=1, ge=1, le=MAX_ITEMS, description="how many to take")
    end: Literal["first", "last"] = Field(default="first", description="from which end")
    default: Any = Field(default=None, description="what `value` is when the list is empty")


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether the list has any item")
    value: Any = Field(
        default=None,
        description="the first (or last) item, or the default",
        json_schema_extra={"given_with": "default"},
    )
    items: list[Any] = Field(default_factory=list, description="the items taken, in the list's order")
    rest: list[Any] = Field(default_factory=list, description="the others, in the list's order")


@tool(
    "list.first",
    group=Group.PARSE,
    examples=[
        Example("the first", {"items": [3, 4, 5]}, {"found": True, "value": 3, "items": [3], "rest": [4, 5]}),
        Example("the last two", {"items": [3, 4, 5], "count": 2, "end": "last"}, {"value": 5, "items": [4, 5]}),
        Example("an empty list", {"items": [], "default": "none"}, {"found": False, "value": "none"}),
    ],
)
async def list_first(inputs: Inputs) -> Outputs:
    """Take the first or last items of a list."""
    items = inputs.items
    at = inputs.count if inputs.end == "first" else max(len(items) - inputs.count, 0)
    taken, rest = (items[:at], items[at:]) if inputs.end == "first" else (items[at:], items[:at])
    value = (taken[0] if inputs.end == "first" else taken[-1]) if taken else None
    # A null counts as absent, as everywhere in flows.
    value = inputs.default if value is None else value
    return Outputs(found=bool(taken), value=value, items=taken, rest=rest)
