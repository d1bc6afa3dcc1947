"""How many parts an SMS has (3GPP TS 23.038: GSM-7 160 or 153 a part, UCS-2 70 or 67): the one place that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["gsm7", "ucs2"]

# 3GPP TS 23.038, section 6.2.1: the default alphabet, and its extension, where each character takes two places.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
GSM7 = BASIC | EXTENSION
SINGLE: dict[Encoding, int] = {"gsm7": 160, "ucs2": 70}
JOINED: dict[Encoding, int] = {"gsm7": 153, "ucs2": 67}
WIDE = 0xFFFF


@dataclass(frozen=True, slots=True)
class Parts:
    """How a text is divided. `units` are places: € and its like take two in gsm7, emoji two in ucs2."""

    encoding: Encoding
    units: int
    parts: int
    per_part: int
    left: int


def divided(text: str) -> Parts:
    """The parts of a text. A character of two places is never torn between two parts; no text is no part."""
    encoding: Encoding = "gsm7" if GSM7.issuperset(text) else "ucs2"
    widths = [places(character, encoding) for character in text]
    total = sum(widths)
    if total <= SINGLE[encoding]:
        return Parts(encoding, total, 1 if total else 0, SINGLE[encoding], SINGLE[encoding] - total)
    room = JOINED[encoding]
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return Parts(encoding, total, parts, room, room - used)


def places(character: str, encoding: Encoding) -> int:
    """How many places one character takes."""
    if encoding == "gsm7":
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > WIDE else 1
