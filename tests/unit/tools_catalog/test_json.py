"""json.parse, json.build, json.pick."""

from __future__ import annotations

from typing import Any

import pytest

from services.flows.catalogue import ToolError
from services.tools.catalog.json_build import json_build
from services.tools.catalog.json_parse import json_parse
from services.tools.catalog.json_pick import json_pick
from tests.support.tools import use


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "[" * 3000 + "]" * 3000, '"\\ud800"', "1e999"])
def test_what_is_no_json_says_where(text: str) -> None:
    """Never an error: the flow decides."""
    found = use(json_parse, text=text)
    assert not found["valid"]
    assert "line 1 column" in found["reason"] or found["reason"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objct"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "#/nothing"},
        {"pattern": "(?=a)"},
    ],
)
def test_a_schema_that_cannot_be_used_is_the_authors_mistake(schema: dict[str, Any]) -> None:
    """Also one that would read a file or the network, or a pattern that does not run in linear time."""
    with pytest.raises(ToolError, match="json_schema cannot be used"):
        use(json_parse, text="{}", json_schema=schema)


def test_a_hostile_pattern_ends() -> None:
    """Back-tracking would take years."""
    schema = {"pattern": "^(a+)+$"}
    assert not use(json_parse, text='"' + "a" * 50_000 + '!"', json_schema=schema)["valid"]


def test_the_place_of_a_fault_is_a_pointer() -> None:
    """Into the value that was read."""
    schema = {"properties": {"a": {"items": {"type": "string"}}}}
    assert use(json_parse, text='{"a": ["x", 2]}', json_schema=schema)["reason"].startswith("/a/1: 2 is not of type")


def test_empty_names_go_at_every_depth_and_zero_stays() -> None:
    """0 and false say something; null and empty text do not."""
    value = {"a": {"b": None, "c": 0}, "d": [{"e": ""}], "f": False}
    assert use(json_build, value=value, omit_empty=True)["text"] == '{"a":{"c":0},"d":[{}],"f":false}'


def test_a_number_beyond_json_is_the_authors_mistake() -> None:
    """JSON here has 64 bits."""
    with pytest.raises(ToolError, match="cannot be written as JSON"):
        use(json_build, value=2**70)


@pytest.mark.parametrize(
    ("path", "items"),
    [
        ("", [{"a": [{"b": 1}, {"b": 2}, 3], "x.y": {"z": 4}}]),
        ("a[0].b", [1]),
        ("a[-1]", [3]),
        ("a[*].b", [1, 2]),
        ("a[9].b", []),
        ('["x.y"].z', [4]),
        ("*.z", [4]),
        ("a.b", []),
    ],
)
def test_paths(path: str, items: list[Any]) -> None:
    """What is not there is not found, never an error."""
    value = {"a": [{"b": 1}, {"b": 2}, 3], "x.y": {"z": 4}}
    assert use(json_pick, value=value, path=path)["items"] == items


@pytest.mark.parametrize("path", ["a..b", ".a", "a[", "a[x]", 'a["b]', "[]"])
def test_a_wrong_path_shows_where(path: str) -> None:
    """It is the author's mistake."""
    with pytest.raises(ToolError, match="cannot be read at"):
        use(json_pick, value={}, path=path)


def test_numbers_are_what_the_schema_declares() -> None:
    """So that `20 / 3` of a number is not 6."""
    schema = {"type": "object", "properties": {"total": {"type": "number"}, "count": {"type": "integer"}}}
    found = use(json_parse, text='{"total": 20, "count": 2.0}', json_schema=schema)
    assert repr(found["value"]) == "{'total': 20.0, 'count': 2}"
