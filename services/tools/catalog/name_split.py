"""name.split: a person's name into its parts (nameparser, and what names are like in our languages)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.texts import cut
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit import names
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    name: Text = Field(description="a full name, also as `Sousa, Ana`")


class Outputs(BaseModel):
    """What it gives. A part that is not there is empty."""

    first: str = Field(default="", description="the first name, for a greeting", json_schema_extra={"longest": "name"})
    middle: str = Field(default="", description="the names between", json_schema_extra={"longest": "name"})
    last: str = Field(
        default="",
        description="the family name with its da, dos, van, Filho, Neto; of a company all",
        json_schema_extra={"longest": "name"},
    )
    title: str = Field(default="", description="such as Dra. or Prof. Doutor", json_schema_extra={"longest": "name"})
    suffix: str = Field(default="", description="such as Júnior or III", json_schema_extra={"longest": "name"})
    initials: str = Field(default="", max_length=20, description="of first and last name, such as AS")
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
    found, most = names.read(inputs.name), len(inputs.name)
    return Outputs(
        first=cut(found.first, most),
        middle=cut(found.middle, most),
        last=cut(found.last, most),
        title=cut(found.title, most),
        suffix=cut(found.suffix, most),  # of `a,b` it makes `a, b`
        initials=found.initials,
        company=found.company,
    )
