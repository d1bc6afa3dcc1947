"""text.default: the first text that says something."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.value_texts import as_text


class Inputs(BaseInputs):
    """What it takes."""

    values: list[Any] = Field(
        max_length=100, description="in order of preference; null, empty and blank ones are passed over"
    )
    default: str = Field(default="", max_length=100_000, description="what is taken when none says anything")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(
        description="the first that is not empty, trimmed, or the default",
        json_schema_extra={"filled_with": "default", "longest": "values default"},
    )
    used_default: bool = Field(description="whether none said anything")


@tool(
    "text.default",
    group=Group.VALIDATE,
    examples=[
        Example("a name", {"values": [None, " ", "Ana"], "default": "friend"}, {"text": "Ana", "used_default": False}),
        Example("no name", {"values": [""], "default": "friend"}, {"text": "friend", "used_default": True}),
    ],
)
async def text_default(inputs: Inputs) -> Outputs:
    """Take the first text that is not empty, or a default."""
    for value in inputs.values:
        text = as_text(value).strip()
        if text:
            return Outputs(text=text, used_default=False)
    return Outputs(text=inputs.default, used_default=True)
