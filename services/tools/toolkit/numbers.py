"""Numbers as people write them, in a language's own marks. The marks are the CLDR's, through babel."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel.numbers import get_currency_symbol, get_decimal_symbol

from contracts.phones import without_marks
from services.flows.refined import locale

LONGEST = 200
MAX_DIGITS = 30
MINUS = str.maketrans({"−": "-", "–": "-", "＋": "+"})
# Any space, and every mark that some language groups digits by.
SPACES = " \u00a0\u202f\u2009\t"
# No number begins with a group of nothing: 0.500 is none where the point groups.
GROUPED = re.compile(r"^[1-9][0-9]{0,2}([^0-9])[0-9]{3}(?:\1[0-9]{3})*$")
# Lakhs and crores, where the CLDR's pattern is #,##,##0.
INDIAN = re.compile(r"^[1-9][0-9]?(?:(,)[0-9]{2}(?:,[0-9]{2})*),[0-9]{3}$")
ACCOUNTING = re.compile(r"^\((.*[0-9].*)\)$")
FRAME = re.compile(r"^([^0-9+\-.,]*)([+\-]?)([^0-9+\-.,]*)([0-9.,][0-9.,'’\s]*)(.*)$", re.DOTALL)
SIGNS = (
    *("EUR", "USD", "GBP", "BRL", "CHF", "JPY", "PLN", "SEK", "NOK", "DKK", "AOA", "MZN", "CVE"),
    *("INR", "MXN", "ARS", "COP", "CLP", "CNY"),
)


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number with what stood around it."""

    value: Decimal
    unit: str = ""
    currency: str = ""


@lru_cache(maxsize=256)
def currencies(language: str) -> dict[str, str]:
    """The signs that this language reads as a currency, by code: `€` is EUR everywhere, `$` is USD in English."""
    found = {code: code for code in SIGNS}
    for code in reversed(SIGNS):
        found[get_currency_symbol(code, locale(language))] = code
        if code in ("EUR", "GBP", "BRL", "INR"):
            found[get_currency_symbol(code, "en")] = code
    return found


def groups_of_two(language: str) -> bool:
    """Whether the language groups 12,34,567 (the CLDR's secondary grouping)."""
    primary, secondary = locale(language).decimal_formats[None].grouping
    return bool(primary != secondary and secondary == 2)  # noqa: PLR2004


def digits_of(text: str, decimal: str, *, indian: bool = False) -> str | None:
    """`1.234,56` → `1234.56`, by the language's decimal mark; None when groups are not of three digits."""
    text = text.strip()
    whole, mark, fraction = text.partition(decimal)
    if mark and not fraction.isdecimal():
        return None
    for space in SPACES:
        whole = whole.replace(space, " ")
    whole = whole.replace("’", "'")
    if not whole and mark:
        whole = "0"
    grouped = GROUPED.match(whole) or (INDIAN.match(whole) if indian else None)
    if grouped and grouped[1] in " '.,":
        whole = whole.replace(grouped[1], "")
    if not (whole.isascii() and whole.isdecimal() and fraction.isascii()):
        return None
    return f"{whole}.{fraction}" if fraction else whole


def latin_digits(text: str) -> str:
    """Digits of all scripts as 0 to 9."""
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


def read(text: str, language: str) -> ReadNumber | None:
    """The number in a text with at most one unit or currency beside it, or None. More than 30 digits are none."""
    if len(text) > LONGEST:
        return None
    text = without_marks(text).translate(MINUS).strip()
    if locale(language).default_numbering_system != "latn":
        text = latin_digits(text)
    if (negative := ACCOUNTING.match(text)) is not None:
        text = f"-{negative[1].strip()}"
    found = FRAME.match(text)
    if found is None:
        return None
    before, sign, between, digits, after = found.groups()
    plain = digits_of(digits, get_decimal_symbol(locale(language)), indian=groups_of_two(language))
    units = [unit for part in (before, between, after) for unit in part.split()]
    if plain is None or len(plain) > MAX_DIGITS or len(units) > 1:
        return None
    unit = units[0] if units else ""
    if unit.startswith(("-", "+")) or any(character.isdigit() for character in unit):
        return None
    return ReadNumber(Decimal(sign + plain), unit, currencies(language).get(unit, ""))


def as_decimal(value: Any) -> Decimal | None:  # noqa: ANN401 (a JSON value)
    """A JSON number, or a text that is one in plain form (`-12.5`), or None. Truth values are no numbers."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, str) and len(value) <= MAX_DIGITS and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value.strip()):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            return None
    return None
