"""number.format: a number as people read it in a language (babel)."""

from __future__ import annotations

from copy import copy
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from babel.numbers import get_currency_precision
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Language, locale

Style = Literal["decimal", "currency", "percent"]


class Inputs(BaseInputs):
    """What it takes."""

    value: float = Field(ge=-1e15, le=1e15, description="the number")
    language: Language = Field(default="pt-PT", description="whose marks and order")
    style: Style = Field(default="decimal", description="decimal; currency; percent, where 0.25 is written 25%")
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$", description="for style: currency, by its three letters")
    decimals: int = Field(default=-1, ge=-1, le=10, description="digits behind the mark; -1: as many as are usual")
    grouping: bool = Field(default=True, description="whether thousands are grouped")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the number; spaces in it do not break a line")


@tool(
    "number.format",
    group=Group.FORMAT,
    examples=[
        Example("a price", {"value": 1234.5, "style": "currency", "language": "en-GB"}, {"text": "€1,234.50"}),
        Example("thousands", {"value": 1234567.891, "language": "de", "decimals": 2}, {"text": "1.234.567,89"}),
        Example("a share", {"value": 0.256, "style": "percent", "language": "en"}, {"text": "26%"}),
    ],
)
async def number_format(inputs: Inputs) -> Outputs:
    """Write a number, a price or a share as people read it in a language."""
    found = locale(inputs.language)
    patterns = {
        "decimal": found.decimal_formats[None],
        "currency": found.currency_formats["standard"],
        "percent": found.percent_formats[None],
    }
    form = copy(patterns[inputs.style])
    if inputs.decimals >= 0:
        form.frac_prec = (inputs.decimals, inputs.decimals)
    elif inputs.style == "currency":
        form.frac_prec = (get_currency_precision(inputs.currency),) * 2
    # babel rounds halves to even, which nobody expects of a price.
    exponent = Decimal(1).scaleb(-form.frac_prec[1] - (2 if inputs.style == "percent" else 0))
    value = Decimal(repr(inputs.value)).quantize(exponent, ROUND_HALF_UP)
    text = form.apply(
        value,
        found,
        currency=inputs.currency if inputs.style == "currency" else None,
        currency_digits=False,
        group_separator=inputs.grouping,
    )
    return Outputs(text=text)
