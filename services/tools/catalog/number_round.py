"""number.round: to digits, or to a step such as 0.05; halves as people learn it at school."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool

Way = Literal["half_up", "half_even", "up", "down", "floor", "ceiling"]
WAYS: dict[str, str] = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
    "floor": ROUND_FLOOR,
    "ceiling": ROUND_CEILING,
}


class Inputs(BaseInputs):
    """What it takes."""

    value: float = Field(ge=-1e15, le=1e15, description="the number")
    decimals: int = Field(default=0, ge=-15, le=15, description="digits behind the point; -2 rounds to hundreds")
    step: float = Field(
        default=0.0, ge=0, le=1e15, description="round to a multiple of this instead, such as 0.05; 0: by digits"
    )
    way: Way = Field(
        default="half_up", description="half_up, half_even (of banks), up (from zero), down (to zero), floor, ceiling"
    )


class Outputs(BaseModel):
    """What it gives."""

    value: float = Field(description="the rounded number")
    whole: int = Field(description="its whole part")
    text: str = Field(description="with just as many digits: 2.50")


@tool(
    "number.round",
    group=Group.FORMAT,
    examples=[
        Example("to cents", {"value": 2.675, "decimals": 2}, {"value": 2.68, "text": "2.68"}),
        Example("to five cents", {"value": 1.12, "step": 0.05}, {"value": 1.1, "text": "1.10"}),
        Example("to hundreds", {"value": 1250, "decimals": -2, "way": "floor"}, {"value": 1200, "whole": 1200}),
    ],
)
async def number_round(inputs: Inputs) -> Outputs:
    """Round a number to digits or to a step."""
    value = Decimal(repr(inputs.value))
    step = Decimal(repr(inputs.step)) if inputs.step >= SMALLEST_STEP else Decimal(1).scaleb(-inputs.decimals)
    rounded = (value / step).quantize(Decimal(1), WAYS[inputs.way]) * step if fits(value, step) else value
    return Outputs(value=float(rounded) + 0.0, whole=int(rounded), text=f"{rounded + 0:f}")


SMALLEST_STEP = 1e-9


def fits(value: Decimal, step: Decimal) -> bool:
    """Whether the number of steps is exact in decimal's 28 digits; beyond, a float has no such digits to round."""
    return value.adjusted() - step.adjusted() < 26  # noqa: PLR2004 (28 digits, less the two of a carry)
