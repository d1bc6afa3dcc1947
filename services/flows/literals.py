"""Values without an expression in them, which stand in the flow: what they are is known before the first run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from services.flows.refined import is_a
from services.flows.shapes import ANY, BOOL, INT, NUMBER, TEXT, Field, Kind, Shape, Shapes
from services.flows.syntax import Constant, ListOf, MapOf, Value

REFINED = ("phone", "digits", "url", "timestamp", "email")
MOST_VALUES = 1000  # of which a condition is told that it never has another


def is_literal(value: Value) -> bool:
    """Whether no expression is in a value."""
    if isinstance(value, ListOf):
        return all(is_literal(item) for item in value.items)
    if isinstance(value, MapOf):
        return all(is_literal(item) for _, item in value.items)
    return isinstance(value, Constant)


def plain_of(value: Value) -> Any:  # noqa: ANN401 - JSON
    """A literal value as JSON."""
    if isinstance(value, ListOf):
        return [plain_of(item) for item in value.items]
    if isinstance(value, MapOf):
        return {word.text: plain_of(item) for word, item in value.items}
    return value.value if isinstance(value, Constant) else None


def shape_of_values(values: Iterable[object], shapes: Shapes, what: str) -> Shape:
    """The shape of a value that is one of these; a null says nothing.

    Texts that are all phones are a phone, and so on. A value that is no JSON, such as one that is not known, can be
    anything.
    """
    kinds: dict[type, list[Any]] = {}
    for value in values:
        if value is not None:
            kinds.setdefault(type(value), []).append(value)
    if kinds.keys() - _SHAPES.keys() - {str, list, dict}:
        return ANY
    options = list(dict.fromkeys(_SHAPES[kind] for kind in kinds if kind in _SHAPES))
    if INT in options and NUMBER in options:
        options.remove(INT)
    if texts := kinds.get(str):
        options.append(_text(frozenset(texts), tuple(dict.fromkeys(texts))))
    if lists := kinds.get(list):
        options.append(Shape(Kind.LIST, shape_of_values((item for each in lists for item in each), shapes, what)))
    if maps := kinds.get(dict):
        options.append(_object(maps, shapes, what))
    if len(options) == 1:
        return options[0]
    return Shape(Kind.UNION, options=tuple(options)) if options else ANY


_SHAPES: Mapping[type, Shape] = {bool: BOOL, int: INT, float: NUMBER}


def _object(maps: list[dict[str, Any]], shapes: Shapes, what: str) -> Shape:
    fields: dict[str, Field] = {}
    for name in dict.fromkeys(name for each in maps for name in each):
        values = [each.get(name) for each in maps]
        maybe = any(value is None for value in values)
        fields[name] = Field(shape_of_values(values, shapes, f"`{name}` in {what}"), maybe=maybe)
    return shapes.once(what, fields) if fields else Shape(Kind.MAP, ANY)


@lru_cache(maxsize=256)
def _text(texts: frozenset[str], in_order: tuple[str, ...]) -> Shape:
    """The shape of a text that is one of these."""
    refined = next((name for name in REFINED if all(is_a(name, text) for text in texts)), None)
    return replace(TEXT, refined=refined, values=() if refined or len(texts) > MOST_VALUES else in_order)
