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
