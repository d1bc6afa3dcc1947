"""Numbers brought to what a JSON Schema declares. JSON has one kind of number: 20 fits `number`, 20.0 fits `integer`.

Expressions have two: `20 / 3` is 6, `20.0 / 3.0` is not. So a value that enters (an event, an answer, parsed JSON) gets
the kind that its author declared, whichever way its sender wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

EXACT = 2**53
"""Beyond it a floating point number stands for several whole ones: such a number stays as it came."""
NUMBER, WHOLE = "number", "integer"

Bring = Callable[[Any], Any]


def bringer(schema: Mapping[str, Any]) -> Bring | None:
    """What brings a value that fits this schema to its types; None where the schema says nothing of numbers.

    The value itself is left as it was. Among alternatives (`anyOf`, several types) objects and lists go by the one that
    has them, and numbers are changed only where all of them say the same.
    """
    return _Document(schema).bringer(schema)


def as_declared(value: Any, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """A value that fits this schema, brought to its types: for a schema that comes with the value."""
    bring = _known(orjson.dumps(schema))
    return value if bring is None else bring(value)


@lru_cache(maxsize=256)
def _known(schema: bytes) -> Bring | None:
    return bringer(orjson.loads(schema))


class _Document:
    """One schema, whose parts can refer to each other, and to themselves."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._made: dict[int, Bring | None] = {}

    def bringer(self, schema: object) -> Bring | None:
        key = id(schema)
        if key not in self._made:
            # A part of itself that is met below is asked for when a value comes.
            self._made[key] = lambda value: value if (found := self._made[key]) is None else found(value)
            self._made[key] = self._new(list(self._options(schema)))
        return self._made[key]

    def _new(self, options: list[Mapping[str, Any]]) -> Bring | None:
        kinds = {kind for option in options for kind in _kinds(option)} & _NUMBERS.keys()
        number = _NUMBERS[kinds.pop()] if len(kinds) == 1 else None
        objects = [option for option in options if "properties" in option or "additionalProperties" in option]
        lists = [option for option in options if "items" in option]
        fields = self._fields(objects[0]) if len(objects) == 1 else None
        items = self.bringer(lists[0]["items"]) if len(lists) == 1 else None
        if number is None and fields is None and items is None:
            return None

        def bring(value: Any) -> Any:  # noqa: ANN401 - JSON
            if isinstance(value, dict):
                return value if fields is None else fields(value)
            if isinstance(value, list):
                return value if items is None else [items(item) for item in value]
            return value if number is None else number(value)

        return bring

    def _fields(self, schema: Mapping[str, Any]) -> Bring | None:
        named = schema.get("properties")
        named = named if isinstance(named, Mapping) else {}
        fields = {name: found for name, part in named.items() if (found := self.bringer(part)) is not None}
        others = self.bringer(schema.get("additionalProperties"))
        if not fields and others is None:
            return None

        def bring_fields(value: dict[str, Any]) -> dict[str, Any]:
            made = dict(value)
            for name in fields if others is None else value:
                change = fields.get(name) if name in named else others
                if change is not None and name in made:
                    made[name] = change(made[name])
            return made

        return bring_fields

    def _options(self, schema: object) -> Iterator[Mapping[str, Any]]:
        """The schema, what it refers to, and its alternatives, each once."""
        seen: set[int] = set()
        left = [schema]
        while left:
            one = left.pop()
            if not isinstance(one, Mapping) or id(one) in seen:
                continue
            seen.add(id(one))
            yield one
            if isinstance(pointer := one.get("$ref"), str):
                left.append(self._target(pointer))
            for word in ("anyOf", "oneOf", "allOf"):
                left += one[word] if isinstance(one.get(word), list) else ()

    def _target(self, pointer: str) -> object:
        found: object = self._root
        for part in pointer.removeprefix("#").split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    said = schema.get("type")
    return said if isinstance(said, list) else [said] if isinstance(said, str) else []


def _double(value: Any) -> Any:  # noqa: ANN401 - JSON
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and abs(value) <= EXACT else value


def _whole(value: Any) -> Any:  # noqa: ANN401 - JSON
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT else value


_NUMBERS: Mapping[str, Bring] = {NUMBER: _double, WHOLE: _whole}
