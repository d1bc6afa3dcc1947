"""When a value is like another: a map has at least these keys, a text with `*` stands for many, the rest is equal."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

ANYTHING = "*"


def like(value: Any, pattern: Any) -> bool:  # noqa: ANN401 - JSON values
    """Whether the value is what the pattern says. `null` in a map: the key is absent or null."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(like(value.get(name), each) for name, each in pattern.items())
    if isinstance(pattern, list):
        return (
            isinstance(value, list)
            and len(value) == len(pattern)
            and all(like(item, each) for item, each in zip(value, pattern, strict=True))
        )
    if isinstance(pattern, str) and ANYTHING in pattern:
        if pattern == ANYTHING:
            return value is not None
        return isinstance(value, str) and _glob(pattern).fullmatch(value) is not None
    return same(value, pattern)


def same(value: Any, other: Any) -> bool:  # noqa: ANN401 - JSON values
    """Equal as JSON: `true` is not 1, 1 is 1.0."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(same(value[name], other[name]) for name in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(same(one, two) for one, two in zip(value, other, strict=True))
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


@lru_cache(maxsize=1000)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)
