"""A JSON Schema from one example: what an integrator begins with, and loosens where the example was too narrow."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def schema_of(example: Any) -> Schema:  # noqa: ANN401 - any JSON value
    """The schema of values like this one.

    Every field of an object is required; `null` says nothing; a list's items are what all its items fit; the number 1
    is an integer and 1.0 a number.

    >>> schema_of({"id": 7, "note": None})
    {'type': 'object', 'required': ['id', 'note'], 'properties': {'id': {'type': 'integer'}, 'note': {}}}
    """
    if isinstance(example, dict):
        return {
            "type": "object",
            "required": list(example),
            "properties": {name: schema_of(value) for name, value in example.items()},
        }
    if isinstance(example, list):
        items: Schema | None = None
        for value in example:
            items = schema_of(value) if items is None else _both(items, schema_of(value))
        return {"type": "array", "items": items or {}}
    if isinstance(example, bool):
        return {"type": "boolean"}
    if isinstance(example, int):
        return {"type": "integer"}
    if isinstance(example, float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(example, str) else {}


def _both(one: Schema, other: Schema) -> Schema:
    """A schema that fits what either fits."""
    kinds = {one.get("type"), other.get("type")}
    if one == other:
        return one
    if kinds == {"object"}:
        properties = dict(one["properties"])
        for name, schema in other["properties"].items():
            properties[name] = _both(properties[name], schema) if name in properties else schema
        required = [name for name in one["required"] if name in other["required"]]
        return {"type": "object", "required": required, "properties": properties}
    if kinds == {"array"}:
        return {"type": "array", "items": _both(one["items"], other["items"])}
    return {"type": "number"} if kinds == {"integer", "number"} else {}
