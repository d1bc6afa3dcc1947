"""sms.segments: how many parts an SMS has and why (3GPP TS 23.038: GSM-7 160 or 153 a part, UCS-2 70 or 67)."""

from __future__ import annotations

from typing import Literal

from anyascii import anyascii
from pydantic import BaseModel, Field

from services.flows.catalogue import Example, tool

# 3GPP TS 23.038, section 6.2.1: the default alphabet, and its extension, where each character takes two places.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
SINGLE = {"gsm7": 160, "ucs2": 70}
JOINED = {"gsm7": 153, "ucs2": 67}
WIDE = 0xFFFF


class Inputs(BaseModel):
    """What it takes."""

    text: str = Field(max_length=20_000, description="the message")
    transliterate: bool = Field(
        default=False, description="true: `text` has each character that GSM-7 lacks replaced by its nearest (ã → a)"
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


def width(character: str, encoding: str) -> int:
    """Places of one character."""
    if encoding == "gsm7":
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > WIDE else 1


def nearest(character: str) -> str:
    """A character in GSM-7, or what comes nearest, or nothing."""
    if character in BASIC or character in EXTENSION:
        return character
    return "".join(near for near in anyascii(character) if near in BASIC or near in EXTENSION)


def divide(widths: list[int], encoding: str) -> tuple[int, int, int]:
    """Parts, places of a part, places left. A character of two places is never torn between two parts."""
    total = sum(widths)
    if total <= SINGLE[encoding]:
        return (1 if total else 0), SINGLE[encoding], SINGLE[encoding] - total
    room = JOINED[encoding]
    parts, used = 1, 0
    for places in widths:
        if used + places > room:
            parts, used = parts + 1, 0
        used += places
    return parts, room, room - used


@tool(
    "sms.segments",
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
    outside = [*dict.fromkeys(character for character in inputs.text if character not in BASIC | EXTENSION)]
    text = "".join(nearest(character) for character in inputs.text) if inputs.transliterate else inputs.text
    encoding: Literal["gsm7", "ucs2"] = "gsm7" if inputs.transliterate or not outside else "ucs2"
    widths = [width(character, encoding) for character in text]
    parts, per_part, left = divide(widths, encoding)
    return Outputs(
        text=text,
        encoding=encoding,
        characters=len(text),
        units=sum(widths),
        parts=parts,
        per_part=per_part,
        left=left,
        outside_gsm7=outside,
        fits=not inputs.max_parts or parts <= inputs.max_parts,
    )
