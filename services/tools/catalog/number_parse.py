"""number.parse: a number as people write it in a language: `1.234,56 €` (marks of the CLDR through babel)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language
from services.tools.toolkit.numbers import read
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the number, with a currency or unit beside it or none")
    language: Language = Field(default="pt-PT", description="whose marks: pt-PT reads 1.234,56 and en-US 1,234.56")


class Outputs(BaseModel):
    """What it gives. All is empty when the text is no number in this language; then `reason` says so."""

    valid: bool = Field(description="whether the text is one number, with at most one unit")
    value: float = Field(default=0.0, description="the number")
    text: str = Field(default="", description="the number exactly, as programs write it: 1234.56")
    currency: str = Field(default="", description="three letters, when a currency's sign stands there: EUR")
    unit: str = Field(default="", description="what stood beside the number: €, %, kg")
    reason: str = Field(default="", description="why it is not valid")


@tool(
    "number.parse",
    group=Group.PARSE,
    examples=[
        Example(
            "a price in Portuguese",
            {"text": "1.234,56 €"},
            {"valid": True, "value": 1234.56, "text": "1234.56", "currency": "EUR"},
        ),
        Example(
            "the same in English", {"text": "$1,234.56", "language": "en-US"}, {"value": 1234.56, "currency": "USD"}
        ),
        Example("a weight", {"text": "-3,5 kg"}, {"value": -3.5, "unit": "kg", "currency": ""}),
        Example("not in this language", {"text": "1,234.56"}, {"valid": False, "text": ""}),
    ],
)
async def number_parse(inputs: Inputs) -> Outputs:
    """Read a number as people write it, in a language's own marks."""
    found = read(inputs.text, inputs.language)
    if found is None:
        return Outputs(valid=False, reason=f"{inputs.text[:60]!r} is no number in {inputs.language}")
    return Outputs(
        valid=True,
        value=float(found.value),
        text=f"{found.value:f}",
        currency=found.currency,
        unit=found.unit,
    )
