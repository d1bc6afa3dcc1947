"""filter and validate: every test, both ways."""

from __future__ import annotations

import pytest

from services.flows.catalogue import ToolError
from services.tools.catalog.filter import filter_values
from services.tools.catalog.validate import validate
from tests.support.tools import use

HOLDS = [
    ("Olá", "equals", "OLÁ"),
    (5, "equals", "5"),
    ("5", "equals", 5.0),
    (None, "equals", ""),
    ("uma Pizza", "contains", "pizza"),
    (["a", 5], "contains", "5"),
    ("Pizza", "starts", "pi"),
    ("Pizza", "ends", "ZA"),
    ("Order 4711", "matches", r"order \d+$"),
    ("Porto", "in_list", ["lisboa", "porto"]),
    (3, "in_list", [1, "3"]),
    (" \n", "empty", None),
    ([], "empty", None),
    (None, "empty", None),
    (0, "exists", None),
    ("3.5", "above", 3),
    (3, "at_least", "3"),
    (-1, "below", 0),
    (0, "at_most", 0),
    ("2026-05-31", "before", "2026-06-01"),
    ("2026-05-31T10:00:00+02:00", "after", "2026-05-31T07:59:59Z"),
    ("2026-05-31T23:00:00Z", "same_day", "2026-05-31"),
    ("Sim", "is_true", None),
    (True, "is_true", None),
    ("não", "is_false", None),
    (0, "is_false", None),
]
HOLDS_NOT = [
    ("5", "equals", "5.0"),
    (True, "equals", 1),
    ("", "contains", "a"),
    ([["a"]], "contains", "a"),
    ("Order", "matches", "^rder"),
    ("Faro", "in_list", []),
    (0, "empty", None),
    (False, "empty", None),
    (None, "exists", None),
    ("many", "above", 3),
    (True, "at_least", 1),
    (None, "below", 3),
    ("tomorrow", "before", "2026-06-01"),
    ("31/05/2026", "same_day", "2026-05-31"),
    ("maybe", "is_true", None),
    (None, "is_false", None),
]


@pytest.mark.parametrize(("value", "test", "against"), HOLDS)
def test_what_holds(value: object, test: str, against: object) -> None:
    """And negated it does not."""
    condition = {"value": value, "test": test, "against": against}
    assert use(filter_values, all=[condition])["passed"]
    assert not use(filter_values, any=[{**condition, "negate": True}])["passed"]


@pytest.mark.parametrize(("value", "test", "against"), HOLDS_NOT)
def test_what_does_not_hold(value: object, test: str, against: object) -> None:
    """And negated it does."""
    condition = {"value": value, "test": test, "against": against}
    assert not use(filter_values, all=[condition])["passed"]
    assert use(filter_values, any=[{**condition, "negate": True}])["passed"]


@pytest.mark.parametrize(
    ("test", "against", "told"),
    [
        ("above", "many", "above tests against a number, not 'many'"),
        ("before", "tomorrow", "before tests against a date"),
        ("in_list", "a, b", "in_list tests against a list"),
        ("matches", "(a", "no regular expression of RE2"),
        ("matches", "(?=a)", "no regular expression of RE2"),
        ("matches", "a" * 501, "the most is 500"),
    ],
)
def test_a_condition_that_can_never_be_asked_is_told(test: str, against: object, told: str) -> None:
    """It is the author's mistake, not a no."""
    with pytest.raises(ToolError, match=told):
        use(filter_values, all=[{"value": "x", "test": test, "against": against}])


def test_capitals_count_when_wanted() -> None:
    """In text, lists and patterns."""
    for test, against in (("equals", "A"), ("contains", "A"), ("in_list", ["A"]), ("matches", "A")):
        conditions = [{"value": "a", "test": test, "against": against}]
        assert use(filter_values, all=conditions)["passed"]
        assert not use(filter_values, all=conditions, ignore_case=False)["passed"]


def test_all_and_any_together() -> None:
    """Both must hold; none at all holds."""
    yes, no = {"value": 1, "test": "exists"}, {"test": "exists"}
    assert use(filter_values, all=[yes], any=[no, yes])["passed"]
    assert use(filter_values, all=[yes, no], any=[yes])["reason"] == "all[1] exists"
    assert use(filter_values, all=[yes], any=[no])["reason"] == "none of any"
    assert use(filter_values)["passed"]


@pytest.mark.parametrize(
    ("test", "right", "wrong", "against"),
    [
        ("email", "ana@x.pt", "ana", None),
        ("phone", "912345678", "12", None),
        ("url", "https://x.pt", "x.pt", None),
        ("number", "12.5", "12,5x", None),
        ("integer", 3.0, 3.5, None),
        ("date", "31/05/2026", "31/31/2026", None),
        ("min_length", "abc", "ab", 3),
        ("max_length", [1], [1, 2], 1),
        ("at_least", 18, 17, 18),
        ("matches", "AB-1", "1-AB", "^[a-z]+-"),
    ],
)
def test_rules(test: str, right: object, wrong: object, against: object) -> None:
    """Each tells right from wrong, and an empty field passes: `required` is a rule of its own."""
    rule = {"field": "f", "test": test, "against": against}
    assert use(validate, values={"f": right}, rules=[rule])["valid"]
    assert use(validate, values={"f": ""}, rules=[rule])["valid"]
    assert not use(validate, values={"f": wrong}, rules=[rule])["valid"]
    assert use(validate, values={"f": wrong}, rules=[{**rule, "negate": True}])["valid"]


def test_a_length_needs_a_whole_number() -> None:
    """The rule's field is named."""
    with pytest.raises(ToolError, match="max_length of 'f' tests against a whole number"):
        use(validate, values={}, rules=[{"field": "f", "test": "max_length", "against": "3"}])
