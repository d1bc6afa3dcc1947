"""country: by its name in many languages, its letters or its dialling code (CLDR through babel; phonenumberslite)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from babel.core import get_global
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language, locale

# Codes that the CLDR still maps and ISO 3166 has withdrawn: Burma, Zaire, East Germany, metropolitan France, …
WITHDRAWN = frozenset({"BUR", "ZAR", "DDR", "FXX", "TMP", "YMD"})
THREE = re.compile(r"^[A-Z]{3}$")
# ISO 3166 leaves these to users; the CLDR uses XKK for Kosovo, as everybody does.
OWN_USE = re.compile(r"^(AA|Q[M-Z]|X(?!KK)|ZZ)")
NAMED_IN = ("en", "pt", "pt_PT", "es", "fr", "de", "it")
OTHER_NAMES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "inglaterra": "GB",
    "usa": "US",
    "eua": "US",
    "america": "US",
    "holanda": "NL",
    "holland": "NL",
    "czech republic": "CZ",
    "republica checa": "CZ",
}


class Inputs(BaseInputs):
    """What it takes."""

    country: str = Field(
        max_length=100, description="a name (Portugal, Alemanha), PT, PRT, or a dialling code with plus: +351"
    )
    language: Language = Field(default="en", description="in which it is named; names in this language are found too")


class Outputs(BaseModel):
    """What it gives. All is empty when there is no such country."""

    found: bool = Field(description="whether there is such a country")
    alpha2: str = Field(default="", description="two letters of ISO 3166: PT")
    alpha3: str = Field(default="", description="three letters of ISO 3166: PRT")
    name: str = Field(default="", description="its name in the wanted language")
    prefix: str = Field(default="", description="dialling code with plus: +351; empty for one without")


def folded(text: str) -> str:
    """Without capitals, accents and marks."""
    letters = unicodedata.normalize("NFKD", text.replace("&", " and ").casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())


@lru_cache(maxsize=1)
def letters() -> dict[str, str]:
    """Three letters by two, of every country in ISO 3166 and of Kosovo."""
    aliases = get_global("territory_aliases")
    three = [code for code in aliases if THREE.match(code) and code not in WITHDRAWN and not OWN_USE.match(code)]
    return {aliases[code][0]: code for code in three if len(aliases[code]) == 1}


@lru_cache(maxsize=32)
def names(language: str) -> dict[str, str]:
    """Two letters by folded name, in one language."""
    territories = locale(language).territories
    return {folded(territories[code]): code for code in letters() if code in territories}


def find(text: str, language: str) -> str | None:
    """The two letters of a country, or None."""
    given = text.strip()
    if given.startswith("+") and given[1:].isascii() and given[1:].isdecimal():
        region = phonenumbers.region_code_for_country_code(int(given[1:4] if len(given) <= len("+1684") else "0"))
        return region if region in letters() else None
    if given.upper() in letters():
        return given.upper()
    by_alpha3 = {alpha3: alpha2 for alpha2, alpha3 in letters().items()}
    if given.upper() in by_alpha3:
        return by_alpha3[given.upper()]
    name = folded(given)
    return next(
        (names(tongue)[name] for tongue in (language, *NAMED_IN) if name in names(tongue)), OTHER_NAMES.get(name)
    )


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
