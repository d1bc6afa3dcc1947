"""Phones in E.164, beside the text that was sent. What does not parse is empty, never refused."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import phonenumbers
from pydantic import Field

E164 = Annotated[
    str, Field(default="", json_schema_extra={"refined": "phone"}, description="in E.164; empty: no phone")
]
"""A phone in E.164, or an empty text. The type checker of flows takes it where a phone is needed."""

LONGEST = 64
REGION_LETTERS = 2


@lru_cache(maxsize=16_384)
def e164(text: str, region: str = "", *, international: bool = False) -> str:
    """The phone in E.164 when it is a valid one, else an empty text.

    `region` (two letters) says how a number without country code is meant; without it such a number is not guessed at.
    `international`: digits alone begin with the country code, as SMS and WhatsApp send them.

    >>> e164("912 345 678", "PT"), e164("351912345678", international=True), e164("912 345 678")
    ('+351912345678', '+351912345678', '')
    """
    number = text.strip()
    if not number or len(number) > LONGEST:
        return ""
    if number.startswith("00"):
        number = "+" + number[2:]
    if international and not number.startswith("+"):
        number = "+" + number
    home = region.strip().upper()
    try:
        parsed = phonenumbers.parse(number, home if len(home) == REGION_LETTERS else None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
