"""A schema learns from what came, and says how often each was so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.flows.tolerant_schema import tolerant_schema
from services.flows.widened_schema import widened
from services.runtime.documents import json_schema

TEXT, MAYBE = {"type": "string"}, {"type": ["string", "null"]}
CASES: list[tuple[Any, list[Any], Any, list[str]]] = [
    (TEXT, ["x", "y"], TEXT, []),
    (TEXT, ["x", None, None], MAYBE, ["/f came as null in 2 of 3"]),
    (MAYBE, ["x", None], MAYBE, ["/f came as null in 1 of 2"]),
    (TEXT, ["x", 1, 2.5], {}, ["/f came as a number in 1 of 3", "/f came as a whole number in 1 of 3"]),
    ({"type": "integer"}, [1, 1.5], {"type": "number"}, ["/f came as a number in 1 of 2"]),
    ({"type": "number"}, [1, 1.5], {"type": "number"}, []),
    ({"type": "string", "enum": ["a"]}, ["b"], TEXT, []),
    ({}, [1, "x"], {}, []),
    (
        {"type": "object", "required": ["a"], "properties": {"a": TEXT}},
        [{"b": 1}],
        {"type": "object", "required": [], "properties": {"a": TEXT, "b": {"type": ["integer", "null"]}}},
        ["/f/b is new in 1 of 1"],
    ),
    (
        {"type": "array", "items": TEXT},
        [["x", 7], []],
        {"type": "array", "items": {}},
        ["/f/* came as a whole number in 1 of 2"],
    ),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), min_size=1, max_size=4)


@pytest.mark.parametrize(("schema", "values", "wider", "told"), CASES)
def test_a_field_takes_what_came(schema: Any, values: list[Any], wider: Any, told: list[str]) -> None:
    """No wider than it has to be; its other rules stay."""
    made, seen = widened({"type": "object", "properties": {"f": schema}}, [{"f": value} for value in values])
    assert (made["properties"]["f"], [str(one) for one in seen]) == (wider, told)


@given(first=BODIES, later=BODIES)
def test_it_takes_all_that_it_learned_from(first: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    """And what it took before; a second time there is nothing to learn."""
    made, _ = widened(tolerant_schema(first), later)
    validator = json_schema.validator(made)
    assert all(validator.is_valid(body) for body in (*first, *later))
    assert widened(made, later)[0] == made
