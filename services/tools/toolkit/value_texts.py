"""A JSON value as text, as people expect it: `true`, `3`, not `True` and `3.0`."""

from __future__ import annotations

from typing import Any

import orjson

from contracts.json_values import plain
from services.flows.catalogue import ToolError


def as_text(value: Any) -> str:  # noqa: ANN401 (a JSON value)
    """Text as it is, nothing as empty, whole numbers without a point, the rest as JSON. Raises ToolError."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 (a float's exact integers)
        return str(int(value))
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a whole number over 64 bits, where none is expected
        return _odd(value)


def _odd(value: Any) -> str:  # noqa: ANN401 (a JSON value)
    try:
        return orjson.dumps(plain(value), option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise ToolError(f"a value that JSON cannot hold: {error}") from None
