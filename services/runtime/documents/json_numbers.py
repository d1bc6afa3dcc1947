"""JSON in which no digit of a number is lost: what no number type holds stays a text of its digits.

Those are whole numbers beyond 64 bits, and decimals that a double rounds. All others are what orjson makes of them.
"""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, NoReturn

import orjson

_LEAST, _MOST = -(2**63), 2**64 - 1
"""What orjson, CEL and PostgreSQL hold as a whole number."""

_ROUNDS_FROM = 17
"""Characters of a number, with its point: a double holds every decimal of 15 digits."""
_SMALL_FROM = 3
"""Digits of a negative exponent: a double ends at 1e-324."""
_LONGEST_WHOLE = 20
_SHAPE = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG = b"0" * _ROUNDS_FROM
_SMALL = b"e-" + b"0" * _SMALL_FROM
_LONG_NUMBER = re.compile(rb"(?:^|[:,\[\s])[-+0e]*" + _LONG)
"""Digits after a quotation mark are a text's: ids of that length are in most bodies of WhatsApp."""
_INFINITE = "number is infinity"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def loads(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value. Raises orjson.JSONDecodeError."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not error.msg.startswith(_INFINITE):
            raise
        return _exact(text, error)
    shape = text.translate(_SHAPE)
    long = _LONG in shape and _LONG_NUMBER.search(shape) is not None
    return _exact(text, value) if long or _SMALL in shape else value


def held(value: Any) -> Any:  # noqa: ANN401 - any JSON value, as Python reads it
    """The same with whole numbers beyond 64 bits as `loads` has them."""
    if isinstance(value, dict):
        return {name: held(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [held(inner) for inner in value]
    return str(value) if isinstance(value, int) and not _LEAST <= value <= _MOST else value


def double(text: str) -> float | None:
    """The double nearest to a number that `loads` made a text of; None for any other text."""
    if not _NUMBER.fullmatch(text) or not isinstance(json.loads(text, parse_int=_whole, parse_float=_decimal), str):
        return None
    return value if isfinite(value := float(text)) else None


def _exact(text: bytes, otherwise: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Python's own reader gives the digits. What it cannot read is as orjson has it: its value, or its error."""
    try:
        return json.loads(text, parse_int=_whole, parse_float=_decimal, parse_constant=_none)
    except (ValueError, RecursionError):
        if isinstance(otherwise, Exception):
            raise otherwise from None
        return otherwise


def _whole(text: str) -> int | str:
    if len(text) <= _LONGEST_WHOLE + 1 and _LEAST <= (value := int(text)) <= _MOST:
        return value
    return text


def _decimal(text: str) -> float | str:
    value = float(text)
    if len(text) < _ROUNDS_FROM and sys.float_info.min <= abs(value) <= sys.float_info.max:
        return value
    try:
        held = isfinite(value) and Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent of more than 18 digits
        held = False
    return value if held else _short(text)


def _short(text: str) -> str:
    """A whole number without its fraction of zeros: `12.0` is 12 at any length."""
    whole, point, fraction = text.partition(".")
    return whole if point and not fraction.strip("0") else text


def _none(text: str) -> NoReturn:
    raise ValueError(text)
