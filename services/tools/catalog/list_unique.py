"""list.unique: each item once, by itself or by a field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.conditions import folded
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(
        default="", max_length=MAX_PATH, description="path of what tells items apart; empty: the item"
    )
    ignore_case: bool = Field(default=False, description="true: capitals do not count")
    keep: Literal["first", "last"] = Field(default="first", description="which of several equal ones stays")


class Outputs(BaseModel):
    """What it gives."""

    items: list[Any] = Field(description="each once, in order")
    count: int = Field(description="how many stay")
    removed: int = Field(description="how many went")


@tool(
    "list.unique",
    group=Group.PARSE,
    examples=[
        Example("texts", {"items": ["a", "A", "b", "a"], "ignore_case": True}, {"items": ["a", "b"], "removed": 2}),
        Example(
            "contacts by phone, the newest",
            {"items": [{"p": 1, "n": "old"}, {"p": 1, "n": "new"}], "field": "p", "keep": "last"},
            {"items": [{"p": 1, "n": "new"}], "count": 1},
        ),
    ],
)
async def list_unique(inputs: Inputs) -> Outputs:
    """Remove the duplicates of a list."""
    found: dict[tuple[bool, str], Any] = {}
    for item in inputs.items:
        value = first(item, inputs.field)
        # The text "1" and the number 1 are two.
        key = (isinstance(value, str), folded(value, ignore_case=inputs.ignore_case))
        if inputs.keep == "last":
            found.pop(key, None)
        found.setdefault(key, item)
    return Outputs(items=list(found.values()), count=len(found), removed=len(inputs.items) - len(found))
