"""A schema widened by what came: fields that are new, of another type, null or left out, and how often each was so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.flows.set_aside import RAW, kind_of, pointer_of
from services.flows.tolerant_schema import Schema, most_of, schema_of_values

NULL = "null"
TYPES: Mapping[str, tuple[str, ...]] = {
    "true or false": ("boolean",),
    "a whole number": ("integer", "number"),
    "a number": ("number",),
    "a text": ("string",),
    "a list": ("array",),
    "an object": ("object",),
    "null": ("null",),
}
"""Of each type, as people read it, the types of JSON Schema that take it."""
NEW = "is new"
TOO_LONG = "longer than declared"


@dataclass(frozen=True, slots=True)
class FieldSeen:
    """A field that came otherwise than the schema said: `how` in `count` of `of` objects."""

    field: str
    how: str
    count: int
    of: int

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.field} {self.how} in {self.count} of {self.of}"


def widened(schema: Schema, bodies: Sequence[Mapping[str, Any]]) -> tuple[Schema, list[FieldSeen]]:
    """The schema that takes all these bodies too, and what they show. Its other rules stay as they are."""
    seen: list[FieldSeen] = []
    return _object(schema, bodies, (), seen), seen


def _object(
    schema: Schema, objects: Sequence[Mapping[str, Any]], path: tuple[str, ...], seen: list[FieldSeen]
) -> Schema:
    declared = schema.get("properties", {})
    properties = {}
    for name in dict.fromkeys([*declared, *(name for one in objects for name in one)]):
        if name == RAW and name not in declared:
            continue
        values = [one[name] for one in objects if name in one]
        place = (*path, name)
        if name in declared:
            properties[name] = _value(declared[name], values, place, len(objects), seen)
        else:
            properties[name] = schema_of_values(values, name)
            seen.append(FieldSeen(pointer_of(place), NEW, len(values), len(objects)))
    made = {**schema, "properties": properties}
    required = [name for name in schema.get("required", ()) if all(one.get(name) is not None for one in objects)]
    if required or "required" in made:
        made["required"] = required
    return made


def _value(
    schema: Any,  # noqa: ANN401 - JSON
    values: Sequence[Any],
    path: tuple[str, ...],
    of: int,
    seen: list[FieldSeen],
) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(schema, dict) or "type" not in schema:
        return schema  # it takes anything, or says in another way what it takes
    said = schema["type"]
    kinds = list(said) if isinstance(said, list) else [said]
    came = Counter(kind_of(value) for value in values)
    other = {kind for kind in came if not set(TYPES[kind]) & set(kinds)}
    seen += [
        FieldSeen(pointer_of(path), f"came as {kind}", came[kind], of)
        for kind in sorted(other | ({NULL} & came.keys()))
    ]
    if other - {NULL} == {"a number"} and "integer" in kinds:
        kinds = ["number" if kind == "integer" else kind for kind in kinds]
    elif other - {NULL}:
        return {}
    if NULL in other:
        kinds.append(NULL)
    said_again = kinds if isinstance(said, list) or len(kinds) > 1 else kinds[0]
    made = schema if kinds == (said if isinstance(said, list) else [said]) else {**schema, "type": said_again}
    made = {key: part for key, part in made.items() if key != "enum" or all(value in part for value in values)}
    texts = [value for value in values if isinstance(value, str)]
    longer = sum(len(text) > made.get("maxLength", len(text)) for text in texts)
    if longer:
        seen.append(FieldSeen(pointer_of(path), f"came {TOO_LONG}", longer, of))
        made = {**made, "maxLength": most_of(texts, path[-1])}
    objects = [value for value in values if isinstance(value, dict)]
    if "object" in kinds and objects:
        made = _object(made, objects, path, seen)
    items = [item for value in values if isinstance(value, list) for item in value]
    if "array" in kinds and items:
        made = {**made, "items": _value(made.get("items"), items, (*path, "*"), len(items), seen)}
    return made
