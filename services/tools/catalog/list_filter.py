"""list.filter: those items of a list for which a condition holds."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import TimeZone
from services.flows.unknown import known
from services.tools.toolkit.conditions import TESTS, Test, prepare
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(
        default="", max_length=MAX_PATH, description="path of what is tested in each item; empty: the item"
    )
    test: Test = Field(description=TESTS)
    against: Any = Field(
        default=None, description="what it is tested against: text, number, date, or a list for in_list"
    )
    negate: bool = Field(default=False, description="true: those for which the test does not hold")
    ignore_case: bool = Field(default=True, description="whether capitals do not count")
    time_zone: TimeZone = Field(default="UTC", description="zone of dates that name none")

    @override
    def hopeless(self) -> None:
        """A test that can never be asked."""
        prepare(known(self.test), known(self.against))


class Outputs(BaseModel):
    """What it gives."""

    items: list[Any] = Field(description="those for which it holds, in order")
    others: list[Any] = Field(description="the rest, in order")
    count: int = Field(description="for how many it holds")


@tool(
    "list.filter",
    group=Group.CONDITIONS,
    examples=[
        Example(
            "lines over 10",
            {"items": [{"price": 5}, {"price": 12}], "field": "price", "test": "above", "against": 10},
            {"items": [{"price": 12}], "others": [{"price": 5}], "count": 1},
        ),
        Example("texts that are not empty", {"items": ["a", " "], "test": "empty", "negate": True}, {"items": ["a"]}),
    ],
)
async def list_filter(inputs: Inputs) -> Outputs:
    """Keep the items of a list for which a condition holds."""
    ask = prepare(inputs.test, inputs.against, ignore_case=inputs.ignore_case, time_zone=inputs.time_zone)
    items: list[Any] = []
    others: list[Any] = []
    for item in inputs.items:
        (items if ask(first(item, inputs.field)) is not inputs.negate else others).append(item)
    return Outputs(items=items, others=others, count=len(items))
