"""list.join: the items of a list as one text."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Items, bounded
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first
from services.tools.toolkit.value_texts import as_text


class Inputs(BaseInputs):
    """What it takes."""

    items: Items = Field(description="the list")
    separator: str = Field(default=", ", max_length=100, description="what stands between the items")
    last_separator: str = Field(
        default="", max_length=100, description="what stands before the last, such as ' and '; empty: the same"
    )
    field: ValuePath = Field(
        default="", max_length=MAX_PATH, description="path of what is taken from each item; empty: the item"
    )
    skip_empty: bool = Field(default=True, description="whether empty items are left out")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the items, joined")
    count: int = Field(description="how many were joined")


@tool(
    "list.join",
    group=Group.PARSE,
    examples=[
        Example(
            "names", {"items": ["Ana", "Rui", "Eva"], "last_separator": " e "}, {"text": "Ana, Rui e Eva", "count": 3}
        ),
        Example("a field", {"items": [{"id": 1}, {"id": 2}], "field": "id", "separator": "-"}, {"text": "1-2"}),
        Example("nothing", {"items": [None, ""]}, {"text": "", "count": 0}),
    ],
)
async def list_join(inputs: Inputs) -> Outputs:
    """Join the items of a list into one text."""
    texts = [as_text(first(item, inputs.field)) for item in inputs.items]
    if inputs.skip_empty:
        texts = [text for text in texts if text]
    bounded(sum(map(len, texts)) + len(texts) * len(inputs.separator), "text")
    if inputs.last_separator and len(texts) > 1:
        text = inputs.separator.join(texts[:-1]) + inputs.last_separator + texts[-1]
    else:
        text = inputs.separator.join(texts)
    return Outputs(text=text, count=len(texts))
