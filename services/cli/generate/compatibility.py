"""Which changes of a JSON Schema break who uses it: what was right must stay right, what was there must stay there.

    breaking(old, new) -> ["data.name: is now required", …]

Knows what pydantic writes: $ref, anyOf, type, enum, const, properties, required, items, bounds, pattern, format. Of
what it does not know it says nothing; the types of our messages stay that simple.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

# Each bound, and what it is where it is not written.
BOUNDS = {
    **dict.fromkeys(("minLength", "minItems", "minProperties"), 0.0),
    **dict.fromkeys(("minimum", "exclusiveMinimum"), -math.inf),
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"), math.inf),
}


def breaking(old: Schema, new: Schema) -> list[str]:
    """What breaks, one line each with its place; empty when whatever was valid under `old` is so under `new`."""
    return list(_Comparison(old, new).faults(old, new, ""))


@dataclass
class _Comparison:
    old_root: Schema
    new_root: Schema
    compared: set[tuple[str, str]] = field(default_factory=set)

    def faults(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if all(pair):
            if pair in self.compared:
                return
            self.compared.add(pair)
        olds, news = _choices(old, self.old_root), _choices(new, self.new_root)
        if any(not _says_something(choice) for choice in news):
            return
        for was in olds:
            if len(olds) == len(news) == 1:
                yield from self._one(was, news[0], place)
            elif not any(not list(self._one(was, choice, place)) for choice in news):
                same = [choice for choice in news if choice.get("type") == was.get("type")]
                if len(same) == 1:
                    yield from self._one(was, same[0], place)
                else:
                    yield f"{place or 'all'}: {_kind(was)} is no longer taken"

    def _one(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        if _kind(old) != _kind(new) and (_kind(old), _kind(new)) != ("integer", "number"):
            yield f"{place or 'all'}: was {_kind(old)}, is {_kind(new)}"
            return
        yield from _values(old, new, place)
        yield from _bounds(old, new, place)
        yield from self._fields(old, new, place)
        for inner in ("items", "additionalProperties"):
            before, after = old.get(inner, {}), new.get(inner, {})
            if after is False and before is not False:
                yield f"{place or 'all'}: other fields are no longer taken"
            elif isinstance(before, dict) and isinstance(after, dict):
                yield from self.faults(before, after, f"{place}[]" if inner == "items" else f"{place}.*")

    def _fields(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            path = f"{place}.{name}".lstrip(".")
            if name not in after:
                yield f"{path}: was removed"
            else:
                yield from self.faults(before[name], after[name], path)
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{place}.{name}".lstrip(".") + ": is now required"


def _choices(schema: Schema, root: Schema) -> list[Schema]:
    """The alternatives of a schema, without references."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return [choice for alternative in schema["anyOf"] for choice in _choices(alternative, root)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _kind(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _says_something(schema: Schema) -> bool:
    return bool(schema.keys() - {"title", "description", "default", "examples"})


def _values(old: Schema, new: Schema, place: str) -> Iterator[str]:
    before, after = (schema.get("enum", [schema["const"]] if "const" in schema else None) for schema in (old, new))
    if after is None:
        return
    if before is None:
        yield f"{place or 'all'}: only {', '.join(map(repr, after))} is taken now"
        return
    for value in before:
        if value not in after:
            yield f"{place or 'all'}: {value!r} is no longer taken"


def _bounds(old: Schema, new: Schema, place: str) -> Iterator[str]:
    for name, unset in BOUNDS.items():
        if name == "maxLength" and "longer" in new:
            continue  # taken too: of what is longer, flows see what fits (contracts/triggers/payload.py)
        before, after = old.get(name, unset), new.get(name, unset)
        if after > before if unset <= 0 else after < before:
            yield f"{place or 'all'}: {name} was {old.get(name)}, is {after}"
    for name in ("pattern", "format"):
        if name in new and new[name] != old.get(name):
            yield f"{place or 'all'}: {name} was {old.get(name)!r}, is {new[name]!r}"
