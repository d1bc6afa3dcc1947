"""name.split: a person's name into its parts (nameparser, and what names are like in our languages)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit import names


class Inputs(BaseInputs):
    """What it takes."""

    name: str = Field(max_length=200, description="a full name, also as `Sousa, Ana`")


class Outputs(BaseModel):
    """What it gives. A part that is not there is empty."""

    first: str = Field(default="", description="the first name, for a greeting")
    middle: str = Field(default="", description="the names between")
    last: str = Field(default="", description="the family name with its da, dos, van, Filho, Neto; of a company all")
    title: str = Field(default="", description="such as Dra. or Prof. Doutor")
    suffix: str = Field(default="", description="such as Júnior or III")
    initials: str = Field(default="", description="of first and last name, such as AS")
    company: bool = Field(default=False, description="whether it is a company by its legal form, such as Lda or GmbH")


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
        Example(
            "a company", {"name": "Padaria Silva, Lda."}, {"first": "", "last": "Padaria Silva, Lda.", "company": True}
        ),
        Example("one name", {"name": "Ana"}, {"first": "Ana", "last": "", "initials": "A"}),
    ],
)
async def name_split(inputs: Inputs) -> Outputs:
    """Split a person's name into first, middle and last name, title and suffix."""
    found = names.read(inputs.name)
    return Outputs(
        first=found.first,
        middle=found.middle,
        last=found.last,
        title=found.title,
        suffix=found.suffix,
        initials=found.initials,
        company=found.company,
    )
