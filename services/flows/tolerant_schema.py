"""A JSON Schema of what a platform sends: types where they are known, and little that it could be refused for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.runtime.documents.json_schema import LEAST_WHOLE, MOST_WHOLE

Schema = dict[str, Any]
KINDS: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))


def tolerant_schema(bodies: Sequence[Any], required: Sequence[str] = (), free: Sequence[str] = ()) -> Schema:
    """The schema of all these objects, and of others like them.

    Every field can be absent or null, but for `required`. Below a pointer of `free` (`*` is any item of a list) stands
    whatever the platform sends, and so it does where the bodies have null, or values of several types.

    >>> tolerant_schema([{"id": 7, "note": None}, {"id": 8, "note": "x"}], required=["id"])["properties"]["note"]
    {'type': ['string', 'null']}
    """
    properties = _properties(bodies, "", frozenset(free))
    for name in required:
        kinds = properties[name].get("type")
        if kinds:
            properties[name] = {**properties[name], "type": kinds[0]}
    return {"type": "object", **({"required": list(required)} if required else {}), "properties": properties}


def require(schema: Schema, pointer: str) -> None:
    """Have the field at a pointer, and all that it stands in, required, and never null."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        schema["required"] = list(dict.fromkeys([*schema.get("required", ()), name]))
        inner = schema["properties"][name]
        kinds = [kind for kind in inner.get("type", ()) if kind != "null"]
        schema["properties"][name] = schema = {**inner, "type": kinds[0]} if kinds else inner


def schema_of_values(values: Sequence[Any]) -> Schema:
    """The schema of a field that came with these values."""
    return _schema(values, "", frozenset())


def _properties(objects: Sequence[Any], pointer: str, free: frozenset[str]) -> Schema:
    names = dict.fromkeys(name for one in objects for name in one)
    return {name: _schema([one[name] for one in objects if name in one], f"{pointer}/{name}", free) for name in names}


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON
    """Empty for a whole number that no schema's `integer` takes."""
    if isinstance(value, int) and not LEAST_WHOLE <= value <= MOST_WHOLE:
        return ""
    return next((name for kind, name in KINDS if isinstance(value, kind)), "")


def _schema(values: Sequence[Any], pointer: str, free: frozenset[str]) -> Schema:
    there = [value for value in values if value is not None]
    if not there or pointer in free:
        return {}
    if all(isinstance(value, dict) for value in there):
        return {"type": ["object", "null"], "properties": _properties(there, pointer, free)}
    if all(isinstance(value, list) for value in there):
        items = [item for value in there for item in value]
        return {"type": ["array", "null"], "items": _schema(items, f"{pointer}/*", free)}
    kinds = {_kind(value) for value in there}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    return {"type": [*kinds, "null"]} if len(kinds) == 1 and kinds != {""} else {}
