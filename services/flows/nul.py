"""Texts without NUL. The binding of CEL ends a text at its first one, silently, and PostgreSQL refuses it."""

from __future__ import annotations

from typing import Any


def without_nul(value: Any) -> Any:  # noqa: ANN401 - JSON, whatever it is
    """The same JSON value with every NUL taken out of its texts and keys, at any depth. Twice is once."""
    kind = type(value)
    if kind is str:
        return value.replace("\0", "") if "\0" in value else value
    if kind is dict:
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    if kind is list:
        return [without_nul(item) for item in value]
    return value
