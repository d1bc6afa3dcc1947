"""Conditions as logic: whether one is always true or false, by itself or after the conditions before it.

A condition becomes a formula over *atoms* (a part that is true or false) and *subjects* (a part that is compared with
constants). A subject stands for few values: each constant, and one between, below and above them. All combinations are
tried, as long as they are few; of more, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import floor
from typing import Any

from services.flows.shapes import Kind, Shape

Value = str | int | float | bool | None
MOST_COMBINATIONS = 4096
MOST_TRUTHS = 12


@dataclass(frozen=True, slots=True)
class Fixed:
    """True or false, whatever comes."""

    value: bool


@dataclass(frozen=True, slots=True)
class Atom:
    """A part that is true or false."""

    key: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A subject against a constant: `==`, `<`, `<=`, `>` or `>=`."""

    key: str
    sign: str
    value: Value
    shape: Shape = field(compare=False)
    least: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Formula


@dataclass(frozen=True, slots=True)
class Both:
    """Both parts."""

    left: Formula
    right: Formula


Formula = Fixed | Atom | Compare | Not | Both
UNSURE = Atom("?")


def either(left: Formula, right: Formula) -> Formula:
    """One of both parts, or both."""
    return Not(Both(Not(left), Not(right)))


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known to be true at a point of a flow, by the condition in this line. `roots`: the names it reads."""

    formula: Formula
    line: int
    roots: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition that is always this value, because of the conditions in these lines (none: by itself)."""

    value: bool
    lines: tuple[int, ...] = ()


def verdict(formula: Formula, truths: Sequence[Truth]) -> Verdict | None:
    """Whether a formula is always true or always false where these truths hold; None where it can be both."""
    alone = _outcomes(formula, ())
    if len(alone) == 1:
        return Verdict(alone.pop())
    near = _related(formula, truths)
    for truth in near:
        found = _outcomes(formula, (truth.formula,))
        if len(found) == 1:
            return Verdict(found.pop(), (truth.line,))
    found = _outcomes(formula, tuple(truth.formula for truth in near))
    return Verdict(found.pop(), tuple(sorted({truth.line for truth in near}))) if len(found) == 1 else None


def _related(formula: Formula, truths: Sequence[Truth]) -> list[Truth]:
    """The latest truths that speak of the same things."""
    keys = {leaf.key for leaf in _leaves(formula)}
    found = [truth for truth in truths if keys & {leaf.key for leaf in _leaves(truth.formula)}]
    return found[-MOST_TRUTHS:]


def _leaves(formula: Formula) -> Iterator[Atom | Compare]:
    if isinstance(formula, Atom | Compare):
        yield formula
    elif isinstance(formula, Not):
        yield from _leaves(formula.part)
    elif isinstance(formula, Both):
        yield from _leaves(formula.left)
        yield from _leaves(formula.right)


def _outcomes(formula: Formula, given: Sequence[Formula]) -> set[bool]:
    """What the formula can be where all given ones are true. Both values where there is too much to try."""
    leaves = [leaf for each in (formula, *given) for leaf in _leaves(each)]
    if UNSURE in leaves:
        # Each unsure part is another one: only what does not depend on them is said.
        given = [each for each in given if UNSURE not in set(_leaves(each))]
        if UNSURE in set(_leaves(formula)):
            return _unsure(formula, given)
        leaves = [leaf for leaf in leaves if leaf != UNSURE]
    domains: dict[str, list[Any]] = {leaf.key: [True, False] for leaf in leaves if isinstance(leaf, Atom)}
    compared: dict[str, list[Compare]] = {}
    for leaf in leaves:
        if isinstance(leaf, Compare):
            compared.setdefault(leaf.key, []).append(leaf)
    domains |= {key: _samples(each) for key, each in compared.items()}
    combinations = 1
    for domain in domains.values():
        combinations *= len(domain)
    if combinations > MOST_COMBINATIONS:
        return {True, False}
    found: set[bool] = set()
    for values in product(*domains.values()):
        world = dict(zip(domains, values, strict=True))
        if all(_holds(each, world) for each in given):
            found.add(_holds(formula, world))
            if len(found) == len((True, False)):
                break
    # Truths that contradict each other: nothing comes here, which was reported where it begins.
    return found or {True, False}


def _unsure(formula: Formula, given: Sequence[Formula]) -> set[bool]:
    true = _outcomes(_filled(formula, value=True), given)
    false = _outcomes(_filled(formula, value=False), given)
    return true | false


def _filled(formula: Formula, *, value: bool, negated: bool = False) -> Formula:
    """The formula with its unsure parts so that it comes out as true as can be, or as false."""
    if formula == UNSURE:
        return Fixed(value is not negated)
    if isinstance(formula, Not):
        return Not(_filled(formula.part, value=value, negated=not negated))
    if isinstance(formula, Both):
        left = _filled(formula.left, value=value, negated=negated)
        return Both(left, _filled(formula.right, value=value, negated=negated))
    return formula


def _holds(formula: Formula, world: dict[str, Any]) -> bool:
    if isinstance(formula, Fixed):
        return formula.value
    if isinstance(formula, Atom):
        return bool(world[formula.key])
    if isinstance(formula, Not):
        return not _holds(formula.part, world)
    if isinstance(formula, Both):
        return _holds(formula.left, world) and _holds(formula.right, world)
    return _compared(world[formula.key], formula.sign, formula.value)


def _compared(one: Any, sign: str, other: Any) -> bool:  # noqa: ANN401 - a JSON value
    if sign == "==":
        return bool(_same(one) == _same(other))
    if sign == "<":
        return bool(one < other)
    if sign == "<=":
        return bool(one <= other)
    return bool(one > other) if sign == ">" else bool(one >= other)


def _same(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Python holds true for equal to 1; CEL does not."""
    return (isinstance(value, bool), value)


def _samples(leaves: Sequence[Compare]) -> list[Any]:
    """Values that stand for all that the subject can have."""
    values = list({_same(leaf.value): leaf.value for leaf in leaves}.values())
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        closed = leaves[0].shape.values
        return list(closed) if closed else [*values, object()]
    shape, least = leaves[0].shape, leaves[0].least
    if shape.kind is Kind.INT:
        found: list[float] = sorted({floor(value) + step for value in numbers for step in (-1, 0, 1)})
    else:
        ordered = sorted(numbers)
        between = [(one + following) / 2 for one, following in pairwise(ordered)]
        found = sorted({ordered[0] - 1, *ordered, *between, ordered[-1] + 1})
    allowed = [value for value in found if least is None or value >= least]
    # What is not known to be a number can be something else.
    return allowed if shape.kind in (Kind.INT, Kind.NUMBER) else [*allowed, object()]
