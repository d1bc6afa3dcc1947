"""language: the language of a contact among those that a flow writes (BCP 47; likely subtags of the CLDR by babel)."""

from __future__ import annotations

import re
from typing import Annotated

from babel import Locale
from pydantic import BaseModel, Field

from contracts.phones import without_marks
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language, locale
from services.tools.toolkit.size_bounds import Text

LONGEST = 100
FORM = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


class Inputs(BaseInputs):
    """What it takes."""

    language: Text = Field(description="as the contact has it: pt_BR, pt-br, en")
    among: Annotated[list[Language], Field(max_length=50)] = Field(
        default_factory=list, description="those that the flow writes, such as [pt-PT, en]; empty: any"
    )
    default: Language = Field(description="the language of those that have none of them")


class Outputs(BaseModel):
    """What it gives."""

    language: Language = Field(description="the one to write in")
    found: bool = Field(description="false: it is none of them, and this is the default")


@tool(
    "language",
    group=Group.VALIDATE,
    examples=[
        Example("any", {"language": "pt_br", "default": "en"}, {"language": "pt-BR", "found": True}),
        Example(
            "of another country",
            {"language": "pt-BR", "among": ["pt-PT", "en"], "default": "en"},
            {"language": "pt-PT", "found": True},
        ),
        Example("none", {"language": "", "default": "en"}, {"language": "en", "found": False}),
        Example("not among them", {"language": "de", "among": ["pt", "en"], "default": "en"}, {"found": False}),
    ],
)
async def language(inputs: Inputs) -> Outputs:
    """Find the language to write to a contact in, or take the default."""
    given = read(inputs.language)
    if given is None:
        return Outputs(language=inputs.default, found=False)
    if not inputs.among:
        return Outputs(language=str(given).replace("_", "-"), found=True)
    known = {each: locale(each) for each in inputs.among}
    exact = next((each for each, one in known.items() if one == given), None)
    alike = exact or next((each for each, one in known.items() if one.language == given.language), None)
    return Outputs(language=alike or inputs.default, found=alike is not None)


def read(text: str) -> Locale | None:
    """The language that a text names by its letters, or None."""
    code = without_marks(text[:LONGEST]).strip()
    if len(text) > LONGEST or FORM.fullmatch(code) is None:
        return None
    try:
        return locale(code)
    except ValueError:
        return None
