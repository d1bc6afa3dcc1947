"""name.split: a person's name into its parts (nameparser, with Portuguese titles)."""

from __future__ import annotations

from functools import lru_cache

from nameparser import HumanName
from nameparser.config import Constants
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool

TITLES = (
    "sr",
    "sra",
    "dr",
    "dra",
    "eng",
    "engº",
    "engª",
    "enga",
    "prof",
    "profª",
    "profa",
    "dona",
    "arq",
    "arqª",
    "exmo",
    "exma",
)


class Inputs(BaseInputs):
    """What it takes."""

    name: str = Field(max_length=200, description="a full name, also as `Sousa, Ana`")


class Outputs(BaseModel):
    """What it gives. A part that is not there is empty."""

    first: str = Field(default="", description="the first name, for a greeting")
    middle: str = Field(default="", description="the names between")
    last: str = Field(default="", description="the family name with its da, dos, van")
    title: str = Field(default="", description="such as Dra. or Eng.")
    suffix: str = Field(default="", description="such as Jr. or III")
    initials: str = Field(default="", description="of first and last name, such as AS")


@lru_cache(maxsize=1)
def constants() -> Constants:
    """What the library knows, and the titles of Portuguese."""
    made = Constants()
    made.titles.add(*TITLES)
    return made


@tool(
    "name.split",
    group=Group.PARSE,
    examples=[
        Example(
            "a Portuguese name",
            {"name": "Dra. Maria João da Silva"},
            {"title": "Dra.", "first": "Maria", "middle": "João", "last": "da Silva", "initials": "MS"},
        ),
        Example("family name first", {"name": "Sousa, Ana"}, {"first": "Ana", "last": "Sousa"}),
        Example("one name", {"name": "Ana"}, {"first": "Ana", "last": "", "initials": "A"}),
    ],
)
async def name_split(inputs: Inputs) -> Outputs:
    """Split a person's name into first, middle and last name, title and suffix."""
    name = HumanName(" ".join(inputs.name.split()), constants=constants())
    family = next((word for word in name.last.split() if word[:1].isupper()), name.last)
    return Outputs(
        first=name.first,
        middle=name.middle,
        last=name.last,
        title=name.title,
        suffix=name.suffix,
        initials=(name.first[:1] + family[:1]).upper(),
    )
