"""number.calculate: exact sums of money and other decimal numbers, rounded as a currency wants it (ISO 4217, babel)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import Annotated, Literal

from babel.numbers import get_currency_precision, is_currency
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.proved import Proved
from services.tools.catalog.number_round import WAYS, Way
from services.tools.toolkit.decimals import exact, plain
from services.tools.toolkit.numbers import MAX_DIGITS

How = Literal["add", "subtract", "multiply", "divide"]
ROOM = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""All digits, or none."""
ROUNDED = Context(prec=150)
DIVIDED = Context(prec=50, traps=[InvalidOperation, DivisionByZero])
WITH: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": ROOM.add,
    "subtract": ROOM.subtract,
    "multiply": ROOM.multiply,
    "divide": DIVIDED.divide,
}
MOST = 1000


def unknown(code: str) -> str | None:
    """Why these letters are no currency, or None."""
    return f"{code!r} is no currency of ISO 4217, such as EUR" if code and not is_currency(code) else None


def _proof(code: str) -> None:
    if (why := unknown(code)) is not None:
        raise ValueError(why)


class Inputs(BaseInputs):
    """What it takes."""

    values: list[float | str] = Field(
        min_length=1, max_length=MOST, description="numbers, or texts such as 12.50 (of number.parse: its `text`)"
    )
    how: How = Field(default="add", description="add; subtract, multiply, divide: the first by all others, in order")
    currency: Annotated[str, Proved(_proof)] = Field(
        default="",
        pattern="^([A-Z]{3})?$",
        description="rounds to what the currency has: EUR to cents, JPY to whole ones",
    )
    decimals: int = Field(default=-1, ge=-1, le=15, description="rounds to so many digits instead; -1: not")
    way: Way = Field(
        default="half_up", description="half_up, half_even (of banks), up (from zero), down (to zero), floor, ceiling"
    )


class Outputs(BaseModel):
    """What it gives. Nothing but `reason` when it is not valid."""

    valid: bool = Field(description="false: a value is no number, a division by zero, or too many digits")
    text: str = Field(default="", description="the number, exact: 0.3", json_schema_extra={"given_when": "valid"})
    value: float = Field(default=0.0, description="the number")
    minor: int = Field(default=0, description="with a currency: in its smallest unit, such as cents, for APIs of banks")
    reason: str = Field(default="", description="why it is not valid")


@tool(
    "number.calculate",
    group=Group.FORMAT,
    examples=[
        Example("exact", {"values": [0.1, 0.2]}, {"valid": True, "text": "0.3", "value": 0.3}),
        Example(
            "a third of a price",
            {"values": ["100.00", 3], "how": "divide", "currency": "EUR"},
            {"text": "33.33", "minor": 3333},
        ),
        Example(
            "as banks round",
            {"values": ["2.5", "0.01"], "how": "multiply", "currency": "EUR", "way": "half_even"},
            {"text": "0.02", "minor": 2},
        ),
        Example("whole yen", {"values": ["99.5", 1], "currency": "JPY"}, {"text": "101", "minor": 101}),
        Example("no number", {"values": ["12,50"]}, {"valid": False, "reason": "'12,50' is no number such as 12.50"}),
    ],
)
async def number_calculate(inputs: Inputs) -> Outputs:
    """Calculate with decimal numbers exactly, and round once at the end."""
    if (why := unknown(inputs.currency)) is not None:
        return Outputs(valid=False, reason=why)
    numbers: list[Decimal] = []
    for value in inputs.values:
        number = exact(int(value) if isinstance(value, float) and value.is_integer() else value)
        if number is None:
            return Outputs(valid=False, reason=f"{str(value)[:40]!r} is no number such as 12.50")
        numbers.append(number)
    try:
        found = reduce(WITH[inputs.how], numbers)
    except ArithmeticError:
        return Outputs(valid=False, reason="nothing can be divided by zero, and no number has over 100 digits")
    usual = get_currency_precision(inputs.currency) if inputs.currency else 0
    if inputs.currency or inputs.decimals >= 0:
        found = rounded(found, inputs.decimals if inputs.decimals >= 0 else usual, inputs.way)
    if found.adjusted() >= MAX_DIGITS:
        return Outputs(valid=False, reason=f"it has over {MAX_DIGITS} digits before the point")
    minor = int(rounded(found.scaleb(usual, ROUNDED), 0, inputs.way)) if inputs.currency else 0
    return Outputs(valid=True, text=plain(found), value=float(found), minor=minor)


def rounded(value: Decimal, decimals: int, way: str) -> Decimal:
    """To so many digits behind the point."""
    return value.quantize(Decimal(1).scaleb(-decimals), WAYS[way], ROUNDED)
