"""JSON values that every part of the product can hold: CEL, PostgreSQL, orjson."""

from __future__ import annotations

import sys
from math import isfinite
from typing import Any

LEAST, MOST = -(2**63), 2**64 - 1


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON, whatever it is
    """The same JSON value without what some part cannot hold, at any depth. Twice is once.

    - NUL is taken out of texts and keys: CEL's binding ends a text at its first one, silently; PostgreSQL refuses it.
    - Whole numbers over 64 bits become doubles, as RFC 8259, section 6, expects of readers.
    - Infinity and NaN, which JSON has not, are absent.
    """
    kind = type(value)
    if kind is str:
        return value.replace("\0", "") if "\0" in value else value
    if kind is dict:
        return {plain(name): plain(item) for name, item in value.items()}
    if kind is list:
        return [plain(item) for item in value]
    if kind is int and not LEAST <= value <= MOST:
        return _double(value)
    if kind is float and not isfinite(value):
        return None
    return value


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max
