"""sms.segments: how many parts an SMS has and why (3GPP TS 23.038: GSM-7 160 or 153 a part, UCS-2 70 or 67)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.sms import GSM7, divided
from services.tools.toolkit.characters import gsm7
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the message")
    transliterate: bool = Field(
        default=False,
        description="true: `text` has what GSM-7 lacks replaced by its nearest (ã → a), pictures by nothing",
    )
    max_parts: int = Field(default=0, ge=0, le=255, description="the most parts that are wanted; 0: any number")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the message, transliterated when wanted")
    encoding: Literal["gsm7", "ucs2"] = Field(description="gsm7 unless a character does not fit into it")
    characters: int = Field(description="as a person counts them, but for joined emoji")
    units: int = Field(description="places that they take: € and its like take two in gsm7, emoji two in ucs2")
    parts: int = Field(description="SMS that are sent and paid")
    per_part: int = Field(description="places of each part: 160 or 70 alone, 153 or 67 when joined")
    left: int = Field(description="places left in the last part")
    outside_gsm7: list[str] = Field(description="the characters that do not fit into gsm7, each once, in order")
    fits: bool = Field(description="whether the parts are not more than wanted")


@tool(
    "sms.segments",
    group=Group.FORMAT,
    examples=[
        Example("one part", {"text": "Olé"}, {"encoding": "gsm7", "units": 3, "parts": 1, "left": 157}),
        Example(
            "a character that makes it dear",
            {"text": "Promoção"},
            {"encoding": "ucs2", "per_part": 70, "outside_gsm7": ["ç", "ã"]},
        ),
        Example(
            "the same without it",
            {"text": "Promoção", "transliterate": True},
            {"text": "Promocao", "encoding": "gsm7", "parts": 1},
        ),
        Example("one character too many", {"text": "a" * 161}, {"parts": 2, "per_part": 153, "left": 145}),
    ],
)
async def sms_segments(inputs: Inputs) -> Outputs:
    """Count the parts of an SMS, and show which characters make it longer."""
    outside = [*dict.fromkeys(character for character in inputs.text if character not in GSM7)]
    text = gsm7(inputs.text) if inputs.transliterate else inputs.text
    found = divided(text)
    return Outputs(
        text=text,
        encoding=found.encoding,
        characters=len(text),
        units=found.units,
        parts=found.parts,
        per_part=found.per_part,
        left=found.left,
        outside_gsm7=outside,
        fits=not inputs.max_parts or found.parts <= inputs.max_parts,
    )
