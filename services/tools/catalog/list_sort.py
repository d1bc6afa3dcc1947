"""list.sort: in the order of text, number or date, by the item or a field of it."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import TimeZone
from services.tools.toolkit.date_reading import plain
from services.tools.toolkit.numbers import as_decimal
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first
from services.tools.toolkit.value_texts import as_text

Kind = Literal["auto", "text", "number", "date"]


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(default="", max_length=MAX_PATH, description="path of what is compared; empty: the item")
    by: Kind = Field(
        default="auto", description="auto: as numbers when all are numbers, else as text without accents and capitals"
    )
    descending: bool = Field(default=False, description="true: the greatest first")
    time_zone: TimeZone = Field(default="UTC", description="zone of dates that name none")


class Outputs(BaseModel):
    """What it gives."""

    items: list[Any] = Field(
        description="the items in order; equal ones stay as they stood; what has no such value comes last"
    )
    count: int = Field(description="how many")


def sortable(text: str) -> tuple[str, str]:
    """First without accents and capitals, then as it stands."""
    plain_text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return plain_text.casefold(), text


def keys(values: list[Any], by: Kind, time_zone: str) -> list[Any]:
    """What to compare, None for what has none."""
    if by in ("auto", "number"):
        numbers: list[Decimal | None] = [as_decimal(value) for value in values]
        present = [value for value in values if value is not None and value != ""]
        if by == "number" or (present and sum(number is not None for number in numbers) == len(present)):
            return list(numbers)
    if by == "date":
        moments = [plain(as_text(value), time_zone) for value in values]
        return [moment.at.timestamp() if moment else None for moment in moments]
    return [None if value is None or value == "" else sortable(as_text(value)) for value in values]


@tool(
    "list.sort",
    group=Group.PARSE,
    examples=[
        Example("numbers", {"items": [10, 9, "8"]}, {"items": ["8", 9, 10]}),
        Example("names", {"items": ["Zé", "álvaro", "Bea"]}, {"items": ["álvaro", "Bea", "Zé"]}),
        Example(
            "newest first",
            {"items": [{"d": "2026-01-01"}, {}, {"d": "2026-05-01"}], "field": "d", "by": "date", "descending": True},
            {"items": [{"d": "2026-05-01"}, {"d": "2026-01-01"}, {}]},
        ),
    ],
)
async def list_sort(inputs: Inputs) -> Outputs:
    """Sort a list by text, number or date."""
    compared = keys([first(item, inputs.field) for item in inputs.items], inputs.by, inputs.time_zone)
    pairs = list(zip(compared, inputs.items, strict=True))
    present = [pair for pair in pairs if pair[0] is not None]
    present.sort(key=lambda pair: pair[0], reverse=inputs.descending)
    items = [item for _, item in present] + [item for key, item in pairs if key is None]
    return Outputs(items=items, count=len(items))
