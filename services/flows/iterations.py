"""Paths of steps in rounds of `for_each`: `2[3].do.0` is the step `2.do.0` in the fourth round of the loop at `2`.

Effects, timers and needs are named by these, so that each round has its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ROUND = re.compile(r"\[(\d+)\]")
INSIDE = ".do."


def path_of(at: str) -> str:
    """The path in the flow.

    >>> path_of("2[3].do.1[0].do.0")
    '2.do.1.do.0'
    """
    return _ROUND.sub("", at) if "[" in at else at


def iterations_of(at: str) -> dict[str, int]:
    """The number of the round (from 0) of each loop around, by the loop's path.

    >>> iterations_of("2[3].do.1[0].do.0")
    {'2': 3, '2.do.1': 0}
    """
    return {path_of(at[: found.start()]): int(found[1]) for found in _ROUND.finditer(at)} if "[" in at else {}


def at_of(path: str, rounds: Mapping[str, int]) -> str:
    """The step in these rounds; where no loop is around, its path.

    >>> at_of("2.do.1.do.0", {"2": 3, "2.do.1": 0})
    '2[3].do.1[0].do.0'
    """
    if INSIDE not in path:
        return path
    parts = path.split(INSIDE)
    made = []
    for number, part in enumerate(parts[:-1], 1):
        made.append(f"{part}[{rounds[INSIDE.join(parts[:number])]}]")
    return INSIDE.join([*made, parts[-1]])
