"""text.title: names and titles with capitals, where small words stay small."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Text

SMALL = (
    "da",
    "das",
    "de",
    "di",
    "do",
    "dos",
    "del",
    "della",
    "du",
    "e",
    "y",
    "la",
    "las",
    "los",
    "van",
    "von",
    "der",
    "den",
)


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text, such as a name in capitals")
    small: list[str] = Field(
        default_factory=lambda: list(SMALL), max_length=200, description="words that stay small unless they come first"
    )


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text with capitals")


# A word may hold apostrophes and hyphens: each part of O'Neill and Anne-Marie has its capital, the s of it's has none.
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def capital(word: str) -> str:
    """One word with its capitals."""
    head, mark, tail = word[:1], word[1:2], word[2:]
    if mark in ("'", "’") and len(tail) > 1:
        return head.upper() + mark + tail[:1].upper() + tail[1:].lower()
    return head.upper() + word[1:].lower()


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
    small = {word.lower() for word in inputs.small}
    first = WORD.search(inputs.text)
    start = first.start() if first else 0

    def change(found: re.Match[str]) -> str:
        word = found[0]
        return word.lower() if found.start() != start and word.lower() in small else capital(word)

    return Outputs(text=WORD.sub(change, inputs.text))
