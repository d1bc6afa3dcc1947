"""What somebody probably meant by a name that is not there: the one place that guesses."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

ALIKE = 0.6
"""How much of two names is the same, from 0 to 1: below it, a guess misleads more than it helps."""
LONGEST = 200
"""Characters of a name that are looked at: it may come from a stranger, and comparing takes its square."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant, in capitals or not; None where none is like it."""
    known = {each.lower(): each for each in sorted(names)}
    found = get_close_matches(name[:LONGEST].lower(), known, n=1, cutoff=ALIKE)
    return known[found[0]] if found else None


def suggestion(name: str, names: Iterable[str], *, shown: int = 8) -> str:
    """The sentence after "unknown …": the nearest name, else what there is."""
    names = sorted(names)
    if (near := nearest(name, names)) is not None:
        return f"did you mean {near!r}?"
    if not names:
        return "there is none"
    more = ", …" if len(names) > shown else ""
    return "there is " + ", ".join(names[:shown]) + more
