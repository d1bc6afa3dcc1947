"""phone.format: a number as people type it → E.164 and friends (phonenumberslite: Google's numbering plans)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Digits, Phone, Region
from services.tools.toolkit import phones
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    number: Text = Field(
        description="as typed: spaces, dots, brackets, 00 or + in front",
        json_schema_extra={"reads": "phone"},
    )
    region: Region = Field(default="PT", description="country of numbers without a prefix, by its two letters")
    international: bool = Field(default=False, description=phones.INTERNATIONAL)


class Outputs(BaseModel):
    """What it gives. The texts are empty when the number is not valid; then `reason` says why."""

    valid: bool = Field(description="whether the number exists in its country's numbering plan")
    e164: Phone = Field(
        default="", description="with plus and country code: +351912345678", json_schema_extra={"given_when": "valid"}
    )
    digits: Digits = Field(
        default="",
        description="E.164 without plus: what Closum and WhatsApp want",
        json_schema_extra={"given_when": "valid"},
    )
    international: str = Field(
        max_length=40,
        default="",
        description="as people write it abroad: +351 912 345 678",
        json_schema_extra={"given_when": "valid"},
    )
    national: str = Field(
        max_length=40,
        default="",
        description="as people write it at home: 912 345 678",
        json_schema_extra={"given_when": "valid"},
    )
    country: str = Field(default="", max_length=2, description="the number's country, by its two letters: PT")
    type: phones.Kind = Field(
        default="",
        description="what kind of line it is; some countries do not tell",
        json_schema_extra={"given_when": "valid"},
    )
    reason: str = Field(default="", description="why it is not valid")


@tool(
    "phone.format",
    group=Group.PHONES,
    examples=[
        Example(
            "a Portuguese mobile as typed",
            {"number": "912 345 678"},
            {"valid": True, "e164": "+351912345678", "digits": "351912345678", "type": "mobile"},
        ),
        Example(
            "a British number in a Portuguese list",
            {"number": "+44 (0)20 7946 0958", "region": "PT"},
            {"valid": True, "e164": "+442079460958", "country": "GB"},
        ),
        Example("digits as WhatsApp writes them", {"number": "5511961234567"}, {"e164": "+5511961234567"}),
        Example("no number", {"number": "12"}, {"valid": False, "e164": "", "reason": "too few digits"}),
    ],
)
async def phone_format(inputs: Inputs) -> Outputs:
    """Turn a phone number as people type it into E.164, digits, international and national form."""
    found = phones.read(inputs.number, inputs.region, international=inputs.international)
    if isinstance(found, str):
        return Outputs(valid=False, reason=found)
    return Outputs(
        valid=True,
        e164=found.e164,
        digits=found.e164.removeprefix("+"),
        international=found.international,
        national=found.national,
        country=found.country,
        type=found.kind,
    )
