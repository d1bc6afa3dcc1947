"""text.trim: spaces around a text go, and those within when wanted."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    characters: str = Field(
        default="", max_length=100, description="drop these at both ends; empty: all kinds of space"
    )
    collapse: bool = Field(default=False, description="true: spaces and line ends within become one space")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the trimmed text", json_schema_extra={"longest": "text"})
    length: int = Field(description="its characters")


# Invisible characters that come with copied text and that Python does not count as space.
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
SPACE = " \t\n\r\x0b\x0c\x85\xa0\u2028\u2029\u202f\u2009\u3000" + INVISIBLE


@tool(
    "text.trim",
    group=Group.FORMAT,
    examples=[
        Example("around", {"text": "  Ana \n"}, {"text": "Ana", "length": 3}),
        Example("within too", {"text": " Ana \n  Sousa", "collapse": True}, {"text": "Ana Sousa"}),
        Example("other characters", {"text": "--x--", "characters": "-"}, {"text": "x"}),
    ],
)
async def text_trim(inputs: Inputs) -> Outputs:
    """Remove spaces around a text, and doubled ones within."""
    text = inputs.text.strip(inputs.characters or SPACE)
    if inputs.collapse:
        text = " ".join(text.split())
    return Outputs(text=text, length=len(text))
