"""JSON Schema as expressions need it: what is whole fits into 64 bits; a mismatch says which types would be right."""

from __future__ import annotations

from typing import Any

import pytest

from services.runtime.documents import json_schema

INTEGER = {"type": "integer"}
SCHEMAS: list[tuple[Any, Any]] = [
    ({"properties": {"n": INTEGER}}, lambda n: {"n": n}),
    ({"properties": {"n": {"type": ["integer", "null"]}}}, lambda n: {"n": n}),
    ({"items": {"anyOf": [INTEGER, {"type": "null"}]}}, lambda n: [n]),
    ({"$ref": "#/$defs/n", "$defs": {"n": INTEGER}}, lambda n: n),
    ({"properties": {"enum": {"properties": {"default": INTEGER}}}}, lambda n: {"enum": {"default": n}}),
    ({"additionalProperties": {"allOf": [INTEGER]}}, lambda n: {"x": n}),
]


@pytest.mark.parametrize(("schema", "value"), SCHEMAS)
def test_what_is_whole_fits_into_64_bits(schema: Any, value: Any) -> None:
    """Wherever a schema says so; up to there all are taken."""
    validator = json_schema.validator(schema)
    assert all(validator.is_valid(value(n)) for n in (0, 2**63 - 1, -(2**63), 12.0, 1e3))
    assert not any(validator.is_valid(value(n)) for n in (2**63, -(2**63) - 1, 1e30))


def test_a_bound_of_the_author_stays() -> None:
    """And values that look like a schema are none."""
    assert not json_schema.validator({**INTEGER, "maximum": 5}).is_valid(6)
    assert json_schema.validator({"const": {"type": "integer"}}).is_valid({"type": "integer"})
    assert json_schema.validator({"properties": {"type": {"const": "integer"}}}).is_valid({"type": "integer"})
    assert json_schema.validator({"type": ["integer", "number"]}).is_valid(1e30)


@pytest.mark.parametrize(
    ("schema", "value", "types"),
    [
        (INTEGER, "x", {"integer"}),
        ({"type": ["number", "null"]}, "x", {"number", "null"}),
        ({"anyOf": [INTEGER, {"type": "null"}]}, "x", {"integer", "null"}),
        ({"oneOf": [{"properties": {"a": INTEGER}, "type": "object"}, {"type": "null"}]}, {"a": "x"}, {"null"}),
        ({"minimum": 1}, 0, set()),
    ],
)
def test_a_mismatch_says_which_types_would_be_right(schema: Any, value: Any, types: set[str]) -> None:
    """Of alternatives those of each; none where it is not about the type."""
    [found] = json_schema.mismatches(json_schema.validator(schema), value, 5)
    assert found.types == types
