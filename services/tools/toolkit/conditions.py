"""What filter, validate and list.filter ask of a value. A condition is prepared once, then asked of many values.

A value of the wrong kind does not hold (text is not `above` 3); a condition that can never be asked (a number test
against a word) is the author's mistake: ToolError.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.texts import one_text, same_text
from services.flows.catalogue import ToolError
from services.flows.refined import MAX_PATTERN, pattern
from services.tools.toolkit.date_reading import Moment, plain
from services.tools.toolkit.numbers import as_decimal
from services.tools.toolkit.value_texts import as_text

Test = Literal[
    "equals",
    "contains",
    "starts",
    "ends",
    "matches",
    "in_list",
    "empty",
    "exists",
    "above",
    "at_least",
    "below",
    "at_most",
    "before",
    "after",
    "same_day",
    "is_true",
    "is_false",
]
Holds = Callable[[Any], bool]

TESTS = (
    "text: equals, contains, starts, ends, matches (a pattern of RE2), in_list, empty; number: above, at_least, below, "
    "at_most; date: before, after, same_day; truth: is_true, is_false; any: exists"
)
TRUE = frozenset({"true", "yes", "y", "1", "on", "sim", "sí", "oui"})
FALSE = frozenset({"false", "no", "n", "0", "off", "não", "nao", "non"})


class Condition(BaseModel):
    """One question about one value."""

    model_config = ConfigDict(extra="forbid")

    value: Any = Field(default=None, description="what is tested, such as ${ trigger.text }")
    test: Test = Field(description=TESTS)
    against: Any = Field(
        default=None, description="what it is tested against: text, number, date, or a list for in_list"
    )
    negate: bool = Field(default=False, description="true: the condition holds when the test does not")


def folded(value: Any, *, ignore_case: bool) -> str:  # noqa: ANN401 (a JSON value)
    """A value as text to compare, in NFC."""
    return same_text(as_text(value)) if ignore_case else one_text(as_text(value))


def prepare(test: Test, against: Any, *, ignore_case: bool = True, time_zone: str = "UTC") -> Holds:  # noqa: ANN401
    """The question as a function. Raises ToolError when it can never be asked."""
    if test in SIMPLE:
        return SIMPLE[test]
    if test in NUMBERS:
        return number_test(test, against)
    if test in DATES:
        return date_test(test, against, time_zone)
    if test in ("equals", "in_list"):
        if test == "in_list" and not isinstance(against, list):
            raise ToolError("in_list tests against a list, such as [Lisboa, Porto]")
        return equal_to(against if test == "in_list" else [against], ignore_case=ignore_case)
    if test == "matches":
        return matching(as_text(against), ignore_case=ignore_case)
    return text_test(test, against, ignore_case=ignore_case)


def is_empty(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
    """Nothing, only spaces, or a list or object without items."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def says(words: frozenset[str]) -> Holds:
    """A truth value as JSON or as a word."""
    return lambda value: same_text(as_text(value).strip()) in words


SIMPLE: dict[str, Holds] = {
    "exists": lambda value: value is not None,
    "empty": is_empty,
    "is_true": says(TRUE),
    "is_false": says(FALSE),
}
NUMBERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "above": lambda value, bound: value > bound,
    "at_least": lambda value, bound: value >= bound,
    "below": lambda value, bound: value < bound,
    "at_most": lambda value, bound: value <= bound,
}
DATES: dict[str, Callable[[Moment, Moment], bool]] = {
    "before": lambda value, bound: value.at < bound.at,
    "after": lambda value, bound: value.at > bound.at,
    "same_day": lambda value, bound: value.at.date() == bound.at.date(),
}


def number_test(test: str, against: Any) -> Holds:  # noqa: ANN401 (a JSON value)
    """Compare numbers."""
    bound, compare = as_decimal(against), NUMBERS[test]
    if bound is None:
        raise ToolError(f"{test} tests against a number, not {as_text(against)[:60]!r}")

    def holds(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
        number = as_decimal(value)
        return number is not None and compare(number, bound)

    return holds


def date_test(test: str, against: Any, time_zone: str) -> Holds:  # noqa: ANN401 (a JSON value)
    """Compare moments; texts without an offset are read in the zone."""
    bound, compare = plain(as_text(against), time_zone), DATES[test]
    if bound is None:
        raise ToolError(f"{test} tests against a date such as 2026-05-31, not {as_text(against)[:60]!r}")

    def holds(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
        moment = plain(as_text(value), time_zone)
        return moment is not None and compare(moment, bound)

    return holds


def equal_to(options: list[Any], *, ignore_case: bool) -> Holds:
    """Equal to one of the options: numbers by value when one side is a number, all else by text."""
    texts = {folded(option, ignore_case=ignore_case) for option in options}
    numbers = {number for option in options if (number := as_decimal(option)) is not None}
    real = {number for option in options if not isinstance(option, str) and (number := as_decimal(option)) is not None}

    def holds(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
        if folded(value, ignore_case=ignore_case) in texts:
            return True
        number = as_decimal(value)
        return number is not None and number in (real if isinstance(value, str) else numbers)

    return holds


def matching(text: str, *, ignore_case: bool) -> Holds:
    """Found anywhere in the text, by RE2."""
    if len(text) > MAX_PATTERN:
        raise ToolError(f"the pattern has {len(text)} characters, the most is {MAX_PATTERN}")
    try:
        compiled = pattern(one_text(text), ignore_case=ignore_case)
    except ValueError as error:
        raise ToolError(str(error)) from None
    return lambda value: compiled.search(one_text(as_text(value))) is not None


def text_test(test: str, against: Any, *, ignore_case: bool) -> Holds:  # noqa: ANN401 (a JSON value)
    """Contains, starts, ends. `contains` of a list asks whether one of its items is equal."""
    part = folded(against, ignore_case=ignore_case)
    equal = equal_to([against], ignore_case=ignore_case)

    def holds(value: Any) -> bool:  # noqa: ANN401 (a JSON value)
        if test == "contains" and isinstance(value, list):
            return any(equal(item) for item in value)
        text = folded(value, ignore_case=ignore_case)
        return {"contains": part in text, "starts": text.startswith(part), "ends": text.endswith(part)}[test]

    return holds


def holds(condition: Condition, *, ignore_case: bool = True, time_zone: str = "UTC") -> bool:
    """Ask a whole condition."""
    ask = prepare(condition.test, condition.against, ignore_case=ignore_case, time_zone=time_zone)
    return ask(condition.value) is not condition.negate
