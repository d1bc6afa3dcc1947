"""list.group: the items that have the same value, together, with the sums of a number of theirs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.conditions import folded
from services.tools.toolkit.decimals import Totals
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first
from services.tools.toolkit.value_texts import as_text


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(min_length=1, max_length=MAX_PATH, description="path of what puts items together")
    value: ValuePath = Field(
        default="", max_length=MAX_PATH, description="path of a number that is added up in each group; empty: none"
    )
    ignore_case: bool = Field(default=False, description="true: capitals do not count")
    keep_items: bool = Field(default=True, description="false: groups without their items, where sums are enough")


class OneGroup(BaseModel):
    """Items that have the same value."""

    key: str = Field(description="the value, as text; empty where items have none")
    count: int = Field(description="how many items")
    sum: float = Field(description="their numbers together; 0 of none")
    sum_text: str = Field(description="the same, exact")
    min: float = Field(description="the least of their numbers; 0 of none")
    max: float = Field(description="the greatest; 0 of none")
    items: list[Any] = Field(description="the items, in order; none with `keep_items: false`")


class Outputs(BaseModel):
    """What it gives."""

    groups: list[OneGroup] = Field(description="in the order of their first items")
    count: int = Field(description="how many groups")


@tool(
    "list.group",
    group=Group.PARSE,
    examples=[
        Example(
            "sums by salesman",
            {
                "items": [{"by": "ana", "eur": 0.1}, {"by": "rui", "eur": 5}, {"by": "ana", "eur": "0.2"}],
                "field": "by",
                "value": "eur",
                "keep_items": False,
            },
            {
                "groups": [
                    {"key": "ana", "count": 2, "sum": 0.3, "sum_text": "0.3", "min": 0.1, "max": 0.2, "items": []},
                    {"key": "rui", "count": 1, "sum": 5, "sum_text": "5", "min": 5, "max": 5, "items": []},
                ],
                "count": 2,
            },
        ),
        Example("what has none is a group too", {"items": [{"by": None}, {}], "field": "by"}, {"count": 1}),
    ],
)
async def list_group(inputs: Inputs) -> Outputs:
    """Put the items of a list together by a field, and add up a number in each group."""
    keys: dict[tuple[bool, str], str] = {}
    items: dict[tuple[bool, str], list[Any]] = {}
    totals: dict[tuple[bool, str], Totals] = {}
    for item in inputs.items:
        found = first(item, inputs.field)
        # The text "1" and the number 1 are two, as for list.unique; null and empty are none.
        absent = found is None or found == ""
        same = (False, "") if absent else (isinstance(found, str), folded(found, ignore_case=inputs.ignore_case))
        keys.setdefault(same, "" if absent else as_text(found))
        items.setdefault(same, []).append(item)
        totals.setdefault(same, Totals()).add(first(item, inputs.value) if inputs.value else None)
    groups = [
        OneGroup(
            key=key,
            count=len(items[same]),
            sum=float(totals[same].sum),
            sum_text=totals[same].text,
            min=float(totals[same].least or 0),
            max=float(totals[same].greatest or 0),
            items=items[same] if inputs.keep_items else [],
        )
        for same, key in keys.items()
    ]
    return Outputs(groups=groups, count=len(groups))
