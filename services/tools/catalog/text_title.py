"""text.title: names and titles with capitals, where small words stay small."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.texts import cut
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.letter_cases import SMALL, title
from services.tools.toolkit.size_bounds import Text

LONG = 100


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text, such as a name in capitals")
    small: list[str] = Field(
        default_factory=lambda: sorted(SMALL),
        max_length=200,
        description="words that stay small unless they come first",
    )


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text with capitals", json_schema_extra={"longest": "text"})


@tool(
    "text.title",
    group=Group.FORMAT,
    examples=[
        Example("a name in capitals", {"text": "MARIA DA CONCEIÇÃO E SOUSA"}, {"text": "Maria da Conceição e Sousa"}),
        Example("apostrophes and hyphens", {"text": "anne-marie o'neill"}, {"text": "Anne-Marie O'Neill"}),
        Example("a title in English", {"text": "it's the end", "small": ["the"]}, {"text": "It's the End"}),
    ],
)
async def text_title(inputs: Inputs) -> Outputs:
    """Write names and titles with capital letters."""
    made = title(inputs.text, inputs.small)
    # ß at a word's beginning becomes Ss. What is as long as a field may be does not grow out of it.
    most = len(inputs.text)
    return Outputs(text=cut(made, most) if len(made) > most >= LONG else made)
