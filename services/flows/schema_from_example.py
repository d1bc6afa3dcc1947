"""A JSON Schema from one example: what an integrator begins with, and loosens where the example was too narrow."""

from __future__ import annotations

from typing import Any

from services.runtime.documents.json_schema import LEAST_WHOLE, MOST_WHOLE

Schema = dict[str, Any]


def schema_of(example: Any) -> Schema:  # noqa: ANN401 - any JSON value
    """The schema of values like this one.

    Every field of an object is required; `null` says nothing; a list's items are what all its items fit; the number 1
    is an integer and 1.0 a number; of what does not fit into 64 bits nothing is said.

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
        return {"type": "integer"} if LEAST_WHOLE <= example <= MOST_WHOLE else {}
    if isinstance(example, float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(example, str) else {}


TEXTS = {
    "date-time": "2026-03-02T09:30:00Z",
    "date": "2026-03-02",
    "email": "ines@example.com",
    "uri": "https://example.com",
}
LEAST: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}


def example_of(schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value of a simple schema, to try a source with that has no example of its own. Whether it fits is to be seen.

    >>> example_of({"type": "object", "properties": {"id": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}})
    {'id': 1, 'kind': 'a'}
    """
    if not isinstance(schema, dict):
        return None
    for word in ("default", "const"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    properties = schema.get("properties")
    if isinstance(properties, dict):
        return {name: example_of(part) for name, part in properties.items()}
    if kind == "object":
        return {}
    return TEXTS.get(str(schema.get("format")), "text") if kind == "string" else LEAST.get(str(kind))


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
