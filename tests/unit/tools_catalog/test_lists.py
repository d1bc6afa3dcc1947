"""list.*, lookup."""

from __future__ import annotations

from typing import Any

import pytest

from services.flows.catalogue import ToolError
from services.tools.catalog.list_filter import list_filter
from services.tools.catalog.list_first import list_first
from services.tools.catalog.list_join import list_join
from services.tools.catalog.list_map import list_map
from services.tools.catalog.list_sort import list_sort
from services.tools.catalog.list_unique import list_unique
from services.tools.catalog.lookup import lookup
from services.tools.toolkit.table_indexes import MAX_ROWS_HELD, TableIndexes
from tests.support.tools import use


def test_joining_writes_values_as_people_read_them() -> None:
    """Numbers without a point of their own, truth in small letters."""
    assert use(list_join, items=[1.0, True, None, 2.5, "x"])["text"] == "1, true, 2.5, x"
    assert use(list_join, items=["a"], last_separator=" e ")["text"] == "a"


def test_the_text_one_and_the_number_one_are_two() -> None:
    """Objects are equal by content, whatever the order of their names."""
    assert use(list_unique, items=["1", 1, {"a": 1, "b": 2}, {"b": 2, "a": 1}])["count"] == 3


def test_more_than_there_are_is_all() -> None:
    """From both ends."""
    for end, value in (("first", 1), ("last", 2)):
        found = use(list_first, items=[1, 2], count=9, end=end)
        assert (found["items"], found["rest"], found["value"]) == ([1, 2], [], value)


def test_a_wrong_kind_does_not_hold() -> None:
    """Text is not above 3, and a missing field is neither above nor below."""
    items = [{"n": 5}, {"n": "7"}, {"n": "many"}, {}]
    assert use(list_filter, items=items, field="n", test="above", against=3)["items"] == [{"n": 5}, {"n": "7"}]


def test_mapping_needs_exactly_one_way() -> None:
    """None and two are told."""
    for inputs in ({}, {"field": "a", "template": "b"}):
        with pytest.raises(ToolError, match="exactly one of field, fields and template"):
            use(list_map, items=[1], **inputs)


def test_mapping_is_bounded() -> None:
    """In items by a template, in values, and in what is made."""
    with pytest.raises(ToolError, match="at most 1,000 items"):
        use(list_map, items=[1] * 1001, template="x")
    with pytest.raises(ToolError, match=r"more than 100,000 values"):
        use(list_map, items=[1] * 10_000, fields={str(n): "a" for n in range(11)})
    with pytest.raises(ToolError, match="the most is 500,000"):
        use(list_map, items=["x" * 1000] * 900, template="{{ item }}")


@pytest.mark.parametrize(
    ("items", "by", "descending", "expected"),
    [
        ([3, "10", 2.5], "auto", False, [2.5, 3, "10"]),
        ([3, "10", "x"], "auto", False, ["10", 3, "x"]),
        (["b", None, "a", ""], "text", True, ["b", "a", None, ""]),
        (["x", 2, 1], "number", False, [1, 2, "x"]),
        (["2026-05-31T10:00:00Z", "2026-05-31T10:30:00+01:00", "never"], "date", False, None),
    ],
)
def test_sorting(items: list[Any], by: str, descending: bool, expected: list[Any] | None) -> None:  # noqa: FBT001 (a case)
    """What has no such value comes last, whichever way; moments are compared across offsets."""
    expected = expected or [items[1], items[0], items[2]]
    assert use(list_sort, items=items, by=by, descending=descending)["items"] == expected


def test_equal_ones_stay_as_they_stood() -> None:
    """Also descending."""
    items = [{"k": 1, "n": "a"}, {"k": 1, "n": "b"}]
    assert use(list_sort, items=items, field="k", descending=True)["items"] == items


@pytest.mark.parametrize(
    ("key", "table", "value"),
    [
        (" LISBOA", {"Lisboa": "ana"}, "ana"),
        (7, {"7": "gold"}, "gold"),
        ("x", {"y": 1}, "none"),
        (None, {"": 1}, "none"),
        ("a", {"a": None}, "none"),
    ],
)
def test_looking_up(key: object, table: object, value: object) -> None:
    """A number finds its text: YAML and forms write it both ways. A null counts as absent."""
    assert use(lookup, key=key, table=table, default="none")["value"] == value


def test_a_table_that_is_none_is_told() -> None:
    """As the author's mistake."""
    with pytest.raises(ToolError, match="table must be"):
        use(lookup, key="a", table="a: b")
    with pytest.raises(ToolError, match="more than 10,000 rows"):
        use(lookup, key="a", table=[{}] * 10_001)


def test_of_equal_keys_the_first_is_found() -> None:
    """Capitals and blanks around do not make another key, unless the flow says so."""
    table = [{"key": "a", "n": 1}, {"key": " A ", "n": 2}, {"key": None, "n": 3}]
    assert use(lookup, key="A", table=table, value_field="n")["value"] == 1
    assert use(lookup, key=" A ", table=table, value_field="n", ignore_case=False)["value"] == 2


def test_tables_are_held_up_to_a_bound() -> None:
    """One that stands in a flow has its index made once; those of events are forgotten again."""
    indexes = TableIndexes()
    table: dict[str, Any] = {"a": 1}
    assert indexes.of(table, "", ignore_case=True) is indexes.of(table, "", ignore_case=True)
    first = indexes.of(table, "", ignore_case=True)
    for number in range(MAX_ROWS_HELD // 10_000):
        indexes.of([{"key": f"{number}-{row}"} for row in range(10_000)], "key", ignore_case=True)
    assert indexes.of(table, "", ignore_case=True) is not first
