"""Mutants that no test can notice, each with its reason: unobservable.toml.

They count as lived: the reason only says that nobody has to look at them again. One is known by its function and by the
line that it changes, since mutmut numbers its mutants anew with each change of the function.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.mutants.sample import MARK

FILE = Path(__file__).with_name("unobservable.toml")


class Unobservable(BaseModel):
    """`function` is `services.flows.advance.x__key` or `….xǁClassǁmethod`, `line` what stands in our code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: str
    line: str
    changed: frozenset[str] | None = None
    """What mutants make of the line; an empty text: they take it away. None: whatever they make of it."""
    reason: str


def unobservable() -> list[Unobservable]:
    """All that the file lists."""
    return [Unobservable.model_validate(each) for each in tomllib.loads(FILE.read_text())["mutant"]]


def reason(known: Iterable[Unobservable], name: str, diff: Iterable[str]) -> str | None:
    """Why this one lives: `diff` are its lines with `-` and `+`. None where nobody has said."""
    lines = [(line[0], line[1:].strip()) for line in diff]
    before, after = ({text for sign, text in lines if sign == one} for one in "-+")
    made = after - before or {""}
    return next(
        (
            each.reason
            for each in known
            if each.function == name.rpartition(MARK)[0]
            and each.line in before
            and (each.changed is None or each.changed & made)
        ),
        None,
    )
