"""text.truncate: a text cut to a length, at a word's end when wanted."""

from __future__ import annotations

import unicodedata

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import MAX_TEXT, Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    length: int = Field(ge=1, le=MAX_TEXT, description="at most so many characters, the ending counted")
    ending: str = Field(default="…", max_length=20, description="what shows that something was cut; may be empty")
    whole_words: bool = Field(default=True, description="whether to cut between words where possible")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text, not longer than wanted")
    cut: bool = Field(description="whether anything was cut")


JOINER = "\u200d"


def splits_character(text: str, at: int) -> bool:
    """Whether a cut before `at` parts a letter from its accent, or an emoji from its joined half."""
    if not 0 < at < len(text):
        return False
    after = text[at]
    return (
        bool(unicodedata.combining(after))
        or after in (JOINER, "\ufe0f")
        or text[at - 1] == JOINER
        or ("\U0001f3fb" <= after <= "\U0001f3ff")
    )


@tool(
    "text.truncate",
    group=Group.FORMAT,
    examples=[
        Example("at a word's end", {"text": "Hello dear Ana", "length": 11}, {"text": "Hello dear…", "cut": True}),
        Example("anywhere", {"text": "Hello", "length": 3, "ending": "", "whole_words": False}, {"text": "Hel"}),
        Example("short enough", {"text": "Hello", "length": 5}, {"text": "Hello", "cut": False}),
    ],
)
async def text_truncate(inputs: Inputs) -> Outputs:
    """Cut a text to a length."""
    text = inputs.text
    if len(text) <= inputs.length:
        return Outputs(text=text, cut=False)
    ending = inputs.ending[: inputs.length]
    room = inputs.length - len(ending)
    while splits_character(text, room):
        room -= 1
    kept = text[:room]
    if inputs.whole_words and not text[room : room + 1].isspace():
        words = kept.rsplit(maxsplit=1)
        kept = words[0] if len(words) > 1 or kept[-1:].isspace() else kept
    return Outputs(text=kept.rstrip() + ending, cut=True)
