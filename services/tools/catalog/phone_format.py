"""phone.format: a number as people type it → E.164 and friends (phonenumberslite: Google's numbering plans)."""

from __future__ import annotations

import phonenumbers
from pydantic import BaseModel, Field

from services.flows.catalogue import tool


class Inputs(BaseModel):
    """What it takes."""

    number: str = Field(max_length=250, description="as typed: spaces, dots, brackets, 00 or + in front")
    region: str = Field(default="PT", pattern="^[A-Z]{2}$", description="country of numbers without a prefix")


class Outputs(BaseModel):
    """What it gives. The texts are empty when the number is not valid."""

    valid: bool
    e164: str = ""
    digits: str = Field(default="", description="E.164 without plus: what Closum and WhatsApp want")
    international: str = ""
    national: str = ""
    country: str = ""


@tool("phone.format")
async def phone_format(inputs: Inputs) -> Outputs:
    """Turn a phone number as people type it into E.164, digits, international and national form."""
    try:
        number = phonenumbers.parse(inputs.number, inputs.region)
    except phonenumbers.NumberParseException:
        return Outputs(valid=False)
    if not phonenumbers.is_valid_number(number):
        return Outputs(valid=False)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Outputs(
        valid=True,
        e164=e164,
        digits=e164.removeprefix("+"),
        international=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
        national=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL),
        country=phonenumbers.region_code_for_number(number) or "",
    )
