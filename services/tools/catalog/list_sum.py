"""list.sum: the sum, the least, the greatest and the mean of a list's numbers, exact to the last digit."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.decimals import Totals
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(default="", max_length=MAX_PATH, description="path of each item's number; empty: the item")


class Outputs(BaseModel):
    """What it gives. A text such as `12.50` counts as a number; what is none is left out, and counted."""

    sum: float = Field(description="all together; 0 of none")
    sum_text: str = Field(description="the same, exact: 0.3 for 0.1 and 0.2")
    min: float = Field(default=0.0, description="the least; 0 of none")
    max: float = Field(default=0.0, description="the greatest; 0 of none")
    mean: float = Field(default=0.0, description="the sum by the count; 0 of none")
    count: int = Field(description="how many numbers")
    skipped: int = Field(description="how many items have no number there")


@tool(
    "list.sum",
    group=Group.PARSE,
    examples=[
        Example(
            "exact",
            {"items": [0.1, "0.2"]},
            {"sum": 0.3, "sum_text": "0.3", "min": 0.1, "max": 0.2, "mean": 0.15, "count": 2, "skipped": 0},
        ),
        Example(
            "a field, and one without it",
            {"items": [{"total": "12.50"}, {"total": 7}, {"total": "a lot"}], "field": "total"},
            {"sum": 19.5, "sum_text": "19.50", "count": 2, "skipped": 1},
        ),
        Example("nothing", {"items": []}, {"sum": 0, "sum_text": "0", "count": 0}),
    ],
)
async def list_sum(inputs: Inputs) -> Outputs:
    """Add up a list's numbers, with their least, greatest and mean."""
    totals = Totals()
    for item in inputs.items:
        totals.add(first(item, inputs.field))
    return Outputs(
        sum=float(totals.sum),
        sum_text=totals.text,
        min=float(totals.least or 0),
        max=float(totals.greatest or 0),
        mean=float(totals.mean),
        count=totals.count,
        skipped=totals.skipped,
    )
