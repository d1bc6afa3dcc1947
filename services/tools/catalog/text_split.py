"""text.split: a text into its parts."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.texts import one_text
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.tools.toolkit.size_bounds import MAX_ITEMS, Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    separator: str = Field(default=",", max_length=100, description="what stands between the parts; empty: any space")
    trim: bool = Field(default=True, description="whether spaces around each part are dropped")
    skip_empty: bool = Field(default=True, description="whether empty parts are left out")
    limit: int = Field(
        default=0, ge=0, le=MAX_ITEMS, description="at most so many parts, the last takes the rest; 0: all"
    )


class Outputs(BaseModel):
    """What it gives."""

    items: list[str] = Field(description="the parts, in order", json_schema_extra={"longest": "text"})
    count: int = Field(description="how many there are")
    first: str = Field(default="", description="the first part, or empty", json_schema_extra={"longest": "text"})
    last: str = Field(default="", description="the last part, or empty", json_schema_extra={"longest": "text"})


@tool(
    "text.split",
    group=Group.PARSE,
    examples=[
        Example("by commas", {"text": "a, b,,c"}, {"items": ["a", "b", "c"], "count": 3, "first": "a", "last": "c"}),
        Example(
            "into two", {"text": "Ana Maria Sousa", "separator": " ", "limit": 2}, {"items": ["Ana", "Maria Sousa"]}
        ),
        Example("empty parts kept", {"text": "a;;b", "separator": ";", "skip_empty": False}, {"items": ["a", "", "b"]}),
    ],
)
async def text_split(inputs: Inputs) -> Outputs:
    """Split a text at a separator."""
    items = one_text(inputs.text).split(one_text(inputs.separator) or None, inputs.limit - 1 if inputs.limit else -1)
    if inputs.trim:
        items = [item.strip() for item in items]
    if inputs.skip_empty:
        items = [item for item in items if item]
    if len(items) > MAX_ITEMS:
        raise ToolError(f"the text has {len(items):,} parts, the most is {MAX_ITEMS:,}: set limit")
    return Outputs(items=items, count=len(items), first=items[0] if items else "", last=items[-1] if items else "")
