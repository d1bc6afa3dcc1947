"""phone.validate: is it a number, of the wanted kind and country? No message is sent and no network asked."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Region
from services.tools.toolkit import phones
from services.tools.toolkit.size_bounds import Text

Wanted = Literal["any", "mobile", "fixed"]


class Inputs(BaseInputs):
    """What it takes."""

    number: Text = Field(
        description="as typed: spaces, dots, brackets, 00 or + in front",
        json_schema_extra={"reads": "phone"},
    )
    region: Region = Field(default="PT", description="country of numbers without a prefix, by its two letters")
    international: bool = Field(default=False, description=phones.INTERNATIONAL)
    type: Wanted = Field(default="any", description="mobile: a number that can take an SMS")
    countries: list[Region] = Field(
        default_factory=list, max_length=300, description="only these; empty: all countries"
    )


class Outputs(BaseModel):
    """What it gives."""

    valid: bool = Field(description="whether the number exists and is of the wanted type and country")
    type: phones.Kind = Field(default="", description="what kind of line it is; empty when it is no number")
    country: str = Field(default="", description="the number's country, by its two letters; empty when it is no number")
    reason: str = Field(default="", description="why it is not valid")


KINDS = {"mobile": ("mobile", "fixed_or_mobile"), "fixed": ("fixed", "fixed_or_mobile")}


@tool(
    "phone.validate",
    group=Group.PHONES,
    examples=[
        Example("a mobile", {"number": "912345678", "type": "mobile"}, {"valid": True, "type": "mobile"}),
        Example(
            "a fixed line where a mobile is wanted",
            {"number": "+351 210 000 000", "type": "mobile"},
            {"valid": False, "reason": "the number is fixed, not mobile"},
        ),
        Example(
            "from another country",
            {"number": "+34 612 34 56 78", "countries": ["PT", "BR"]},
            {"valid": False, "country": "ES", "reason": "the number is of ES, not of PT, BR"},
        ),
    ],
)
async def phone_validate(inputs: Inputs) -> Outputs:
    """Tell whether a phone number is valid, of a wanted type, and of a wanted country."""
    found = phones.read(inputs.number, inputs.region, international=inputs.international)
    if isinstance(found, str):
        return Outputs(valid=False, reason=found)
    reason = ""
    if inputs.type != "any" and found.kind not in KINDS[inputs.type]:
        reason = f"the number is {found.kind}, not {inputs.type}"
    elif inputs.countries and found.country not in inputs.countries:
        reason = f"the number is of {found.country or 'no country'}, not of {', '.join(inputs.countries)}"
    return Outputs(valid=not reason, type=found.kind, country=found.country, reason=reason)
