"""text.initials: the first letters of a name."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool


class Inputs(BaseInputs):
    """What it takes."""

    text: str = Field(max_length=1000, description="a name")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="its initials, in capitals; empty when there is none")


@tool(
    "text.initials",
    group=Group.FORMAT,
    examples=[Example("a name with a particle", {"text": "Maria do Carmo"}, {"text": "MDC"})],
)
async def text_initials(inputs: Inputs) -> Outputs:
    """Give the initials of a name."""
    return Outputs(text="".join(word[0].upper() for word in inputs.text.split()))
