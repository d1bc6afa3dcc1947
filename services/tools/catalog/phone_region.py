"""phone.region: which country a number is of, and what is spoken there (phonenumberslite; CLDR through babel)."""

from __future__ import annotations

from babel.core import get_global
from babel.languages import get_official_languages
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language, Region, locale
from services.tools.toolkit import phones
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    number: Text = Field(
        description="as typed; with + or country code the region is not needed",
        json_schema_extra={"reads": "phone"},
    )
    region: Region = Field(default="PT", description="country of numbers without a prefix, by its two letters")
    international: bool = Field(default=False, description=phones.INTERNATIONAL)
    language: Language = Field(default="en", description="the language in which the country is named")


class Outputs(BaseModel):
    """What it gives. All is empty when the number is not valid."""

    valid: bool = Field(description="whether the number exists in its country's numbering plan")
    country: str = Field(default="", description="two letters, such as BR")
    name: str = Field(default="", description="the country's name, in the wanted language")
    prefix: str = Field(default="", description="dialling code with plus, such as +55")
    language: str = Field(
        default="", description="the language most likely written there, such as pt; a guess by country"
    )
    locale: str = Field(default="", description="language and country, as templates want it: pt_BR")
    languages: list[str] = Field(default_factory=list, description="all official languages, the most spoken first")


def languages_of(country: str) -> list[str]:
    """Official languages by speakers; where a country has none in law those in fact, or the CLDR's likely one."""
    likely = str(get_global("likely_subtags").get(f"und_{country}", "")).split("_")[0]
    official = get_official_languages(country) or get_official_languages(country, de_facto=True)
    return list(official) or ([likely] if likely else [])


@tool(
    "phone.region",
    group=Group.PHONES,
    examples=[
        Example(
            "a Brazilian number",
            {"number": "+55 11 96123 4567", "language": "pt"},
            {"country": "BR", "name": "Brasil", "prefix": "+55", "language": "pt", "locale": "pt_BR"},
        ),
        Example(
            "a country with several languages",
            {"number": "+41 44 668 18 00"},
            {"country": "CH", "languages": ["de", "fr", "it"]},
        ),
        Example("no number", {"number": "hello"}, {"valid": False, "country": "", "languages": []}),
    ],
)
async def phone_region(inputs: Inputs) -> Outputs:
    """Tell the country of a phone number, and the languages that are spoken there."""
    found = phones.read(inputs.number, inputs.region, international=inputs.international)
    if isinstance(found, str):
        return Outputs(valid=False)
    languages = languages_of(found.country)
    language = languages[0] if languages else ""
    return Outputs(
        valid=True,
        country=found.country,
        name=locale(inputs.language).territories.get(found.country, found.country),
        prefix=f"+{found.prefix}",
        language=language,
        locale=f"{language}_{found.country}" if language and found.country else "",
        languages=languages,
    )
