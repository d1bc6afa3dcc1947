"""Numbers get the kind that their schema declares, however they are written."""

from __future__ import annotations

from typing import Any

import pytest

from services.flows.declared_numbers import EXACT, as_declared
from services.flows.declared_triggers import Declared, Places, declared

NUMBER, WHOLE, TEXT = {"type": "number"}, {"type": "integer"}, {"type": "string"}
TREE = {"properties": {"n": NUMBER, "children": {"items": {"$ref": "#"}}}}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (NUMBER, 20, 20.0),
        (NUMBER, EXACT + 1, EXACT + 1),
        (WHOLE, 20.0, 20),
        (WHOLE, 1e300, 1e300),
        (TEXT, 20, 20),
        (NUMBER, True, True),
        ({}, 20, 20),
        ({"type": ["number", "null"]}, 20, 20.0),
        ({"type": ["number", "integer"]}, 20, 20),
        ({"anyOf": [WHOLE, {"type": "null"}]}, 20.0, 20),
        ({"anyOf": [WHOLE, TEXT]}, "20", "20"),
        ({"items": NUMBER}, [1, 2.5], [1.0, 2.5]),
        ({"additionalProperties": NUMBER, "properties": {"t": TEXT}}, {"a": 1, "t": "x"}, {"a": 1.0, "t": "x"}),
        ({"anyOf": [{"properties": {"n": NUMBER}}, {"type": "null"}]}, {"n": 1, "m": 1}, {"n": 1.0, "m": 1}),
        ({"anyOf": [{"properties": {"n": NUMBER}}, {"properties": {"n": WHOLE}}]}, {"n": 1}, {"n": 1}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"properties": {"n": NUMBER}}}}, {"n": 1}, {"n": 1.0}),
        ({"allOf": [{"properties": {"n": NUMBER}}]}, {"n": 1}, {"n": 1.0}),
        (TREE, {"n": 1, "children": [{"n": 2, "children": []}]}, {"n": 1.0, "children": [{"n": 2.0, "children": []}]}),
        ({"$ref": "#"}, 1, 1),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}, NUMBER]}, 1, 1.0),
    ],
)
def test_a_number_is_what_is_declared(schema: dict[str, Any], value: Any, expected: Any) -> None:
    found = as_declared(value, schema)
    assert repr(found) == repr(expected)


def test_what_came_is_left_as_it_was() -> None:
    """The id of an event is a number as its sender wrote it."""
    schema = {"type": "object", "properties": {"id": NUMBER, "total": NUMBER}}
    shop = declared("webhook.shop", schema, Places(identity=("/id",), subject=("/id",)), {})
    body = {"id": 20, "total": 7}
    read = shop.read(body)
    assert isinstance(read, Declared)
    assert repr(read.body) == "{'id': 20.0, 'total': 7.0}"
    assert repr(body) == "{'id': 20, 'total': 7}"
    assert (read.own_id(), read.subject()) == ("20", "20")
