"""What is of another type is kept under raw, and nothing else is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.triggers.payload import TOO_LONG
from services.flows.set_aside import restored, set_aside
from services.runtime.documents import json_schema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}},
        "name": {"type": ["string", "null"], "maxLength": 5},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 2}},
        "code": {"type": "string", "maxLength": 2, "pattern": "^[0-9]+x$"},
        "deep": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
    },
}
CASES: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"id": 1, "numbers": [1, "x"]}, {"id": 1, "raw": {"/numbers": [1, "x"]}}),
    (
        {"id": 1, "numbers": ["x"], "rows": [{"n": "y"}], "deep": {"a": {}}},
        {"id": 1, "rows": [{}], "raw": {"/numbers": ["x"], "/rows/0/n": "y", "/deep": {"a": {}}}},
    ),
    ({"id": 1, "numbers": [None]}, {"id": 1, "raw": {"/numbers": [None]}}),
    ({"id": 1, "rows": [{"n": 1}, {"n": "x"}]}, {"id": 1, "rows": [{"n": 1}, {}], "raw": {"/rows/1/n": "x"}}),
    ({"id": 1, "deep": {"a": 1, "b": 2}}, {"id": 1, "raw": {"/deep": {"a": 1, "b": 2}}}),
    ({"id": 1, "deep": 7, "raw": {"own": 1}}, {"id": 1, "raw": {"own": 1, "/deep": 7}}),
    (
        {"id": 1, "more": 2, "rows": [{"n": "x"} for _ in range(3000)]},
        {"id": 1, "more": 2, "raw": {"/rows": [{"n": "x"} for _ in range(3000)]}},
    ),
    ({"id": 1, "name": "abcdef"}, {"id": 1, "name": "abcde", "raw": {"/name": "abcdef"}}),
    ({"id": 1, "name": "abcdé\u0301\u0301"}, {"id": 1, "name": "abcd", "raw": {"/name": "abcdé\u0301\u0301"}}),
    ({"id": 1, "tags": ["ab", "abc"]}, {"id": 1, "tags": ["ab", "ab"], "raw": {"/tags/1": "abc"}}),
    ({"id": 1, "tags": [7, "abc"]}, {"id": 1, "raw": {"/tags": [7, "abc"]}}),
    ({"id": 1, "code": "12x"}, {"id": 1, "raw": {"/code": "12x"}}),
    (
        {"id": 1, "tags": [f"abc{number}" for number in range(3000)]},
        {"id": 1, "raw": {"/tags": [f"abc{number}" for number in range(3000)]}},
    ),
    ({"id": "x", "deep": {"a": "a"}}, None),
    ({"deep": {"a": "a"}}, None),
]


@pytest.mark.parametrize(("body", "kept"), CASES)
def test_the_rest_stays(body: dict[str, Any], kept: dict[str, Any] | None) -> None:
    """None where what is required is not right; the body that was given is as it was."""
    before = repr(body)
    found = set_aside(json_schema.validator(SCHEMA), body)
    assert (found and found[0]) == kept
    if found:
        own = body.get("raw", {})
        assert restored(found[0]) == {**body, **({"raw": own} if own else {})}
    assert repr(body) == before


def test_a_text_that_was_cut_is_told_as_such() -> None:
    """Beside what is of another type."""
    found = set_aside(json_schema.validator(SCHEMA), {"id": 1, "name": "abcdef", "numbers": ["x"]})
    assert found is not None
    assert {(one.path, one.came_as) for one in found[1]} == {(("name",), TOO_LONG), (("numbers",), "a list")}
