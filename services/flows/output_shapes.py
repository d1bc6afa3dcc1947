"""What a step gives: the outputs of its tool or action, and what its inputs say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from services.flows.catalogue import Action, Tool
from services.flows.input_rules import possible
from services.flows.literals import is_literal, plain_of, shape_of_values
from services.flows.shapes import Field, Shape, Shapes
from services.flows.syntax import Constant, MapOf, Value
from services.flows.unknown import UNKNOWN
from services.runtime.documents.json_schema import wrong_schema
from services.runtime.documents.locations import Location


def outputs_of(entry: Tool | Action, given: MapOf, shapes: Shapes) -> Shape:
    """The shape of the outputs.

    An output marked `typed_by` has the shape of the JSON Schema that stands in that input, such as json.parse's
    `value`; one of which the inputs tell all `possible` values the shape of those, such as lookup's `value`. One marked
    `given_with` is there when that input is given, such as a default.
    """
    what = f"the output of `{entry.name}`"
    plain = shapes.of_model(entry.outputs, "serialization", what)
    inputs = {word.text: value for word, value in given.items}
    fields = shapes.fields(plain)
    said = {name: _said(field, inputs, shapes, f"`{name}` in {what}") for name, field in fields.items()}
    fixed = {name: plain_of(value) if is_literal(value) else UNKNOWN for name, value in inputs.items()}
    for name in fields:
        if (values := possible(entry.inputs, fixed, name)) is not None:
            shape = shape_of_values(values, shapes, f"`{name}` in {what}")
            said[name] = replace(said[name], shape=shape)
    if said == dict(fields):
        return plain
    return shapes.once(what, said)


def _said(field: Field, inputs: dict[str, Value], shapes: Shapes, what: str) -> Field:
    schema = _schema(inputs.get(field.typed_by))
    if schema is not None and wrong_schema(schema) is None:
        field = replace(field, shape=shapes.of_schema(schema, what, ours=False))
    if _filled(field, inputs):
        field = replace(field, shape=replace(field.shape, filled=True))
    given = inputs.get(field.given_with)
    if given is not None and not (isinstance(given, Constant) and given.value is None):
        field = replace(field, maybe=False, required=True)
    return field


Lengths = Callable[[Value], int | None]
"""The most characters of an input that was checked, or of each text in it; None: any number."""


def lengths_of(entry: Tool | Action, given: MapOf, shapes: Shapes, lengths: Lengths) -> tuple[tuple[str, int], ...]:
    """The greatest lengths of the outputs marked `longest`, as far as the inputs say them: for `Shape.lengths`."""
    fields = shapes.fields(shapes.of_model(entry.outputs, "serialization", f"the output of `{entry.name}`"))
    marked = {name: field.longest for name, field in fields.items() if field.longest}
    if not marked:
        return ()
    inputs = {word.text: value for word, value in given.items}
    found = ((name, _longest(mark, inputs, lengths)) for name, mark in marked.items())
    return tuple((name, most) for name, most in found if most is not None)


def _longest(mark: str, inputs: dict[str, Value], lengths: Lengths) -> int | None:
    """What a mark says of these inputs. One that is not given is its default, which is short."""
    if mark.startswith("="):
        given = inputs.get(mark[1:])
        return given.value if isinstance(given, Constant) and isinstance(given.value, int) else None
    found = 0
    for word in mark.split():
        name, _, times = word.partition("*")
        most = lengths(inputs[name]) if name in inputs else 0
        if most is None:
            return None
        found = max(found, most * int(times or 1))
    return found


def _filled(field: Field, inputs: dict[str, Value]) -> bool:
    """Whether a text is surely not empty, by the inputs that say so."""
    given = inputs.get(field.filled_with)
    if isinstance(given, Constant) and isinstance(given.value, str) and given.value:
        return True
    if not field.filled_unless:
        return False
    name, but = field.filled_unless.split()
    other = inputs.get(name)
    return other is None or (isinstance(other, Constant) and other.value != but)


def _schema(value: Value | None) -> dict[str, Any] | None:
    found = plain_of(value) if value is not None and is_literal(value) else None
    return found if isinstance(found, dict) else None


def wrong_schemas(entry: Tool | Action, given: MapOf, shapes: Shapes) -> Iterator[tuple[Location, str]]:
    """The schemas among the inputs that are none, and why."""
    fields = shapes.fields(shapes.of_model(entry.outputs, "serialization", f"the output of `{entry.name}`"))
    inputs = {word.text: value for word, value in given.items}
    for name in sorted({field.typed_by for field in fields.values()} & inputs.keys()):
        schema = _schema(inputs[name])
        if schema is not None and (wrong := wrong_schema(schema)) is not None:
            yield inputs[name].location, f"{name!r} of `{entry.name}` is no JSON Schema: {wrong}"
