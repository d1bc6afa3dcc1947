"""Paths into a value: `contact.phones[0].number`, `lines[*].price`, `items[-1]`. Linear in the value.

A name with dots or brackets stands in quotes: `headers["x.id"]`. `*` takes every item or value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

from services.flows.catalogue import ToolError
from services.flows.proved import Proved

MAX_PATH = 500
EVERY = "*"
# Every alternative begins with another character, so there is nothing to back-track over.
STEP = re.compile(r"""\.?([^.\[\]"*]+)|\.?(\*)|\[(-?[0-9]{1,9})\]|\[(\*)\]|\["([^"]*)"\]""")

Step = str | int
Star = tuple[str]


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step | Star, ...]:
    """The steps of a path: names, indices, and `("*",)` for every item. Raises ToolError that shows the place."""
    steps: list[Step | Star] = []
    at = 0
    while at < len(path):
        found = STEP.match(path, at)
        if found is None or (at == 0 and path[0] == "."):
            raise ToolError(f"the path {path!r} cannot be read at {path[at : at + 20]!r}: write such as a.b[0].c")
        name, star, index, bracket_star, quoted = found.groups()
        if name is not None:
            steps.append(name)
        elif star or bracket_star:
            steps.append((EVERY,))
        elif index is not None:
            steps.append(int(index))
        else:
            steps.append(quoted)
        at = found.end()
    return tuple(steps)


def children(values: Iterable[Any], step: Step | Star) -> list[Any]:
    """What one step finds below each value; what is not there is left out."""
    found: list[Any] = []
    for value in values:
        if isinstance(step, tuple):
            if isinstance(value, dict):
                found.extend(value.values())
            elif isinstance(value, list):
                found.extend(value)
        elif isinstance(step, int):
            if isinstance(value, list) and -len(value) <= step < len(value):
                found.append(value[step])
        elif isinstance(value, dict) and step in value:
            found.append(value[step])
    return found


def pick(value: Any, path: str) -> list[Any]:  # noqa: ANN401 (a JSON value)
    """All that a path finds, in order; an empty path finds the value itself. Raises ToolError for a wrong path."""
    found = [value]
    for step in parse(path):
        found = children(found, step)
    return found


def first(value: Any, path: str) -> Any:  # noqa: ANN401 (a JSON value)
    """The first that a path finds, or None."""
    found = pick(value, path)
    return found[0] if found else None


ValuePath = Annotated[str, Proved(parse)]
"""A path as an input."""
