"""Decimal numbers without a rounding that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from services.tools.toolkit.numbers import MAX_DIGITS, as_decimal

EXACT = Context(prec=80)
"""Room for all digits: 10,000 summands of 30 digits before the point and 30 behind it have 65."""
SMALLEST = -MAX_DIGITS
LAST_PLACE = Decimal(1).scaleb(SMALLEST)


def exact(value: Any) -> Decimal | None:  # noqa: ANN401 (a JSON value)
    """A JSON number, or a text that is one in plain form, or None; so is one of over 30 digits before the point.

    What stands beyond the 30th place behind the point, as a float may have it, does not count.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_DIGITS:
        return None
    found = as_decimal(value)
    if found is None or found.adjusted() >= MAX_DIGITS:
        return None
    return found if found.as_tuple().exponent >= SMALLEST else found.quantize(LAST_PLACE, context=EXACT)  # type: ignore[operator]


def plain(value: Decimal) -> str:
    """As programs write it, without an exponent; no minus before a zero."""
    return f"{value + 0 if value else abs(value):f}"


@dataclass(slots=True)
class Totals:
    """Numbers as they are added up."""

    sum: Decimal = Decimal(0)
    least: Decimal | None = None
    greatest: Decimal | None = None
    count: int = 0
    skipped: int = 0

    def add(self, value: Any) -> None:  # noqa: ANN401 (a JSON value)
        """One more; what is no number is counted and left out."""
        number = exact(value)
        if number is None:
            self.skipped += 1
            return
        self.sum = EXACT.add(self.sum, number)
        self.least = number if self.least is None else min(self.least, number)
        self.greatest = number if self.greatest is None else max(self.greatest, number)
        self.count += 1

    @property
    def mean(self) -> Decimal:
        """The sum by the count; 0 of none."""
        return EXACT.divide(self.sum, Decimal(self.count)) if self.count else Decimal(0)

    @property
    def text(self) -> str:
        """The sum, exact."""
        return plain(self.sum)
