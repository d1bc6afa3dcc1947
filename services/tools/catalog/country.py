"""country: by its name in many languages, its letters or its dialling code (CLDR through babel; phonenumberslite)."""

from __future__ import annotations

import re

import phonenumbers
from pydantic import BaseModel, Field

from contracts.contact_fields import MOST_COUNTRY
from contracts.phones import without_marks
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language, Region, locale
from services.tools.toolkit.country_names import by_letters, by_name, letters
from services.tools.toolkit.size_bounds import Text

DIALLED = re.compile(r"^(?:\+|00)([0-9]{1,4})$")


class Inputs(BaseInputs):
    """What it takes."""

    country: Text = Field(description="a name (Portugal, Alemanha), PT, PRT, a flag, or a dialling code: +351, 00351")
    language: Language = Field(default="en", description="in which it is named; names in this language are found too")


class Outputs(BaseModel):
    """What it gives. All is empty when there is no such country."""

    found: bool = Field(description="whether there is such a country")
    alpha2: Region = Field(
        default="", description="two letters of ISO 3166: PT", json_schema_extra={"given_when": "found"}
    )
    alpha3: str = Field(
        default="", description="three letters of ISO 3166: PRT", json_schema_extra={"given_when": "found"}
    )
    name: str = Field(
        default="", description="its name in the wanted language", json_schema_extra={"given_when": "found"}
    )
    prefix: str = Field(default="", description="dialling code with plus: +351; empty for one without")


def find(text: str, language: str) -> str | None:
    """The two letters of a country, or None."""
    if len(text) > MOST_COUNTRY:
        return None
    given = without_marks(text).strip()
    if (dialled := DIALLED.match(given)) is not None:
        region = phonenumbers.region_code_for_country_code(int(dialled[1]))
        return region if region in letters() else None
    return by_letters(given) or by_name(given, language)


@tool(
    "country",
    group=Group.VALIDATE,
    examples=[
        Example(
            "a name in Portuguese",
            {"country": "alemanha"},
            {"alpha2": "DE", "alpha3": "DEU", "name": "Germany", "prefix": "+49"},
        ),
        Example(
            "three letters",
            {"country": "prt", "language": "pt"},
            {"alpha2": "PT", "name": "Portugal", "prefix": "+351"},
        ),
        Example("a dialling code", {"country": "+55"}, {"alpha2": "BR"}),
        Example("none", {"country": "Atlantis"}, {"found": False, "alpha2": ""}),
    ],
)
async def country(inputs: Inputs) -> Outputs:
    """Find a country by name, letters or dialling code, and give all of these."""
    alpha2 = find(inputs.country, inputs.language)
    if alpha2 is None:
        return Outputs(found=False)
    prefix = phonenumbers.country_code_for_region(alpha2)
    return Outputs(
        found=True,
        alpha2=alpha2,
        alpha3=letters()[alpha2],
        name=locale(inputs.language).territories.get(alpha2, alpha2),
        prefix=f"+{prefix}" if prefix else "",
    )
