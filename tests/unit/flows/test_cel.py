"""CEL on plain data: what comes out is JSON, always in the same order, and never costs the process its life."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from services.flows.cel import EvaluationError, compiled, evaluate, untyped
from services.flows.cel_tree import Tree, path_of, used_fields

ENV = untyped(frozenset({"a", "b"}))


def value(source: str, **data: Any) -> Any:
    """The value of an expression."""
    return evaluate(compiled(ENV, source), data)


@pytest.mark.parametrize("source", ["null", "[null, 1]", "{'x': null}", "a", "a.x"])
def test_nulls_cost_no_references(source: str) -> None:
    """cel-expr-python 0.1.3 takes a reference from None for each null that it hands out, until Python 3.11 ends."""
    expression = compiled(ENV, source)
    data = {"a": {"x": None}}
    evaluate(expression, data)
    before = sys.getrefcount(None)
    for _ in range(5000):
        evaluate(expression, data)
    assert sys.getrefcount(None) > before - 2500


def test_maps_come_in_one_order() -> None:
    """CEL gives them in a random one; requests must be the same bytes on every replay."""
    orders = {tuple(value("{'c': 1, 'a': {'z': 1, 'y': 2}, 'b': 3}")) for _ in range(50)}
    assert orders == {("a", "b", "c")}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("timestamp('2026-05-31T14:30:00.5+01:00')", "2026-05-31T13:30:00.500000Z"),
        ("duration('1500ms')", "1.5s"),
        ("duration('0s')", "0s"),
        ("1u", 1),
        ("{1: 2}", {"1": 2}),
        ("'a' + 'é🙂'", "aé🙂"),
        ("[1, 'a', true, null, 1.5]", [1, "a", True, None, 1.5]),
    ],
)
def test_values_are_json(source: str, expected: Any) -> None:
    """Times in RFC 3339, durations in seconds, keys as text."""
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("1 / 0", {}),
        ("a.x", {"a": {}}),
        ("a", {}),
        ("a[5]", {"a": [1]}),
        ("a + 1", {"a": "x"}),
        ("a", {"a": 2**64}),
        ("a", {"a": "\ud800"}),
        ("b'x'", {}),
        ("type(1)", {}),
        ("a.map(x, a.map(y, a.map(z, 1)))", {"a": list(range(100))}),
        ("'x'.matches(a)", {"a": "("}),
    ],
)
def test_what_cannot_be_evaluated_is_one_error(source: str, data: dict[str, Any]) -> None:
    """Missing keys, wrong types, too large numbers, too many iterations: all are EvaluationError, with a text."""
    with pytest.raises(EvaluationError, match=r"."):
        value(source, **data)


def test_a_tree_says_what_an_expression_reads() -> None:
    """Fields of variables; None where one is read whole; variables of rules are none of ours."""
    tree = Tree(compiled(ENV, "has(a.x) ? a.y.z : b.?w.orValue([{}].map(b, b.q)[0])").serialize())
    assert used_fields(tree.root) == {"a": {"x", "y"}, "b": {"w"}}
    assert used_fields(Tree(compiled(ENV, "a.x + dyn(a)").serialize()).root) == {"a": None}
    assert path_of(Tree(compiled(ENV, "a.x.y").serialize()).root) == ("a", "x", "y")
    assert path_of(Tree(compiled(ENV, "has(a.x)").serialize()).root) is None


def test_places_count_lines_and_characters() -> None:
    """Line and column from 1, columns in characters."""
    tree = Tree(compiled(ENV, "'é🙂' +\n  a.x").serialize())
    assert tree.location(tree.root) == (1, 6)
    assert tree.location(tree.root.call.args[1]) == (2, 4)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("has(a.json.next)", False),
        ("has(a.json.page.next)", False),
        ("has(a.json.none.next)", False),
        ("has(a.none.next)", False),
        ("has(a.json.there)", True),
        ("has(a.json.rows[0].x) && !has(a.json.rows[1].x) && !has(a.json.rows[9].x)", True),
        ("a.json.rows[9].?x.orValue('d')", "d"),
        ("has(a.json.there) && a.json.there == 1", True),
        ("a.json.?next.orValue('d')", "d"),
        ("a.json.?none.orValue('d')", "d"),
        ("a.none.?next.orValue('d')", "d"),
        ("a.json.?next.?page.orValue('d')", "d"),
        ("a.json.?page.?next.orValue('d')", "d"),
        ("a.json.page.?next.orValue('d')", "d"),
        ("a.json.?there.orValue(2)", 1),
        ("a.?json.?there.orValue(2)", 1),
        ("a.json.list[?0].orValue('d')", "d"),
        ("a.json.list[?1].orValue('d')", 1),
        ("a.json.list[?2].orValue('d')", "d"),
        ("a.json.rows.filter(row, has(row.x)).size()", 1),
        ("a.json.rows.map(row, row.?x.orValue(0))", [1, 0, 0]),
        ("a.json.?next.hasValue() || a.json.?next.optMap(x, x).hasValue()", False),
        ("[?a.json.?next, ?a.json.?there]", [1]),
        ("{?'n': a.json.?next, ?'t': a.json.?there}", {"t": 1}),
        ("a.json.next == null", True),
        ("a.json.rows.map(row, has(row.x) && row.x == null)", [False, False, False]),
    ],
)
def test_a_null_counts_as_absent_for_has_and_defaults(source: str, expected: Any) -> None:
    """At any depth, as what is not there; and what compares with null itself sees it."""
    answer = {"next": None, "page": {"next": None}, "there": 1, "list": [None, 1]}
    rows = [{"x": 1}, {"x": None}, {}]
    assert value(source, a={"json": {**answer, "rows": rows}}) == expected


def test_of_a_tree_that_is_too_deep_for_it_the_rule_is_left_out() -> None:
    """What was deployed before goes on as it was."""
    deep = "has(a" + ".b" * 28 + ")"
    data: Any = {}
    for _ in range(28):
        data = {"b": data}
    assert value(deep, a=data) is True


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a * 2", 41.0),
        ("2 * a", 41.0),
        ("a + b", 23.5),
        ("b - a", -17.5),
        ("b / 2.0", 1.5),
        ("a > b && b < 3.5 && b == 3.0 && 3.0 in [b]", True),
        ("true ? 1 : 2.5", 1),
        ("int('3') > 2.5", True),
        ("b / 2", 1),
        ("math.round(b) + math.ceil(b)", 6.0),
    ],
)
def test_whole_numbers_go_with_others(source: str, expected: Any) -> None:
    """JSON has one kind of number. Of two whole ones the quotient is whole, as CEL has it."""
    assert value(source, a=20.5, b=3) == expected


def test_a_number_is_not_divided_by_nothing() -> None:
    with pytest.raises(EvaluationError, match="divide by zero"):
        value("a / 0", a=20.5)
