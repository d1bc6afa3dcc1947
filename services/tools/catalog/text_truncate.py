"""text.truncate: a text cut to a length, at a word's end when wanted."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.texts import breaks
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.sms import GSM7, divided, places
from services.tools.toolkit.characters import gsm7
from services.tools.toolkit.size_bounds import MAX_TEXT, Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    length: int = Field(ge=1, le=MAX_TEXT, description="at most so many characters, the ending counted")
    ending: str = Field(default="…", max_length=20, description="what shows that something was cut; may be empty")
    whole_words: bool = Field(default=True, description="whether to cut between words where possible")
    sms: bool = Field(
        default=False,
        description="true: `length` counts the places of an SMS (€ takes two), and the ending is of its alphabet: ...",
    )


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text, not longer than wanted", json_schema_extra={"longest": "=length"})
    cut: bool = Field(description="whether anything was cut")


def whole(text: str, length: int) -> str:
    """The first so many characters, without half of one as people see it."""
    while length > 0 and not breaks(text, length):
        length -= 1
    return text[: max(length, 0)]


def sms_room(text: str, length: int) -> int:
    """How many characters are at most so many places of an SMS. One pass."""
    found = short = wide = 0
    plain = True
    for at, sign in enumerate(text, start=1):
        plain = plain and sign in GSM7
        short += places(sign, "gsm7")
        wide += places(sign, "ucs2")
        if min(short, wide) > length:
            break
        if (short if plain else wide) <= length:
            found = at
    return found


@tool(
    "text.truncate",
    group=Group.FORMAT,
    examples=[
        Example("at a word's end", {"text": "Hello dear Ana", "length": 11}, {"text": "Hello dear…", "cut": True}),
        Example("anywhere", {"text": "Hello", "length": 3, "ending": "", "whole_words": False}, {"text": "Hel"}),
        Example("short enough", {"text": "Hello", "length": 5}, {"text": "Hello", "cut": False}),
        Example("of an SMS", {"text": "Hello dear Ana", "length": 13, "sms": True}, {"text": "Hello dear..."}),
    ],
)
async def text_truncate(inputs: Inputs) -> Outputs:
    """Cut a text to a length."""
    text = inputs.text
    if inputs.length >= (divided(text).units if inputs.sms else len(text)):
        return Outputs(text=text, cut=False)
    ending = whole(gsm7(inputs.ending) if inputs.sms else inputs.ending, inputs.length)
    room = inputs.length - (divided(ending).units if inputs.sms else len(ending))
    kept = whole(text, sms_room(text, room) if inputs.sms else room)
    if inputs.whole_words and kept[-1:].isspace():
        kept = kept.strip()
    elif inputs.whole_words and not text[len(kept) : len(kept) + 1].isspace():
        words = kept.rsplit(maxsplit=1)
        kept = words[0] if len(words) > 1 else kept
    return Outputs(text=kept.rstrip() + ending, cut=True)
