"""Types of the flow language, read from JSON Schema: one form for models, for external sources and for `schema:`.

A shape says what a value can be. Texts can be refined (`phone`, `email`, …, see refined.py): a plain text does not fit
where a refined one is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema


class Kind(Enum):
    """What a value is. The value is how a fault names it."""

    ANY = "any value"
    NULL = "null"
    BOOL = "true or false"
    INT = "a whole number"
    NUMBER = "a number"
    TEXT = "a text"
    BYTES = "bytes"
    TIME = "a time"
    DURATION = "a duration"
    LIST = "a list"
    MAP = "a map"
    OBJECT = "an object"
    OPTIONAL = "an optional"
    UNION = "one of several"
    TYPE = "a type"


@dataclass(frozen=True, slots=True)
class Shape:
    """A type. `item` is of a list's elements, a map's values, or an optional's value; `options` are a union's."""

    kind: Kind
    item: Shape | None = None
    options: tuple[Shape, ...] = ()
    name: str = ""  # of an object: its key in Shapes.objects
    refined: str | None = None
    values: tuple[str, ...] = ()  # of a text: all that it can be, where that is known
    filled: bool = False  # of a text: it is not empty
    unless: str = ""  # of a text: it is empty where this is false, such as `phone.valid`, which was not asked
    most: int | None = None  # of a text: it has no more characters, where that is known; see `longest`
    lengths: tuple[tuple[str, int], ...] = ()  # of an object: what is known of its texts' lengths beside its fields
    reads: str = ""  # of an input: a text of this kind is read there, as `email`; one of another kind never is one

    def __str__(self) -> str:
        """As a fault names it."""
        if self.refined == "digits":
            return "digits"
        if self.refined:
            return f"{'an' if self.refined[0] in 'aeiou' else 'a'} {self.refined.replace('_', ' ')}"
        if self.filled and not self.values:
            return "a text that is not empty"
        if self.kind is Kind.LIST and self.item and self.item.kind is not Kind.ANY:
            return f"a list of which each is {self.item}"
        if self.kind is Kind.UNION:
            return " or ".join(str(option) for option in self.options)
        return str(self.kind.value)


ANY = Shape(Kind.ANY)
TEXT = Shape(Kind.TEXT)
BOOL = Shape(Kind.BOOL)
INT = Shape(Kind.INT)
NUMBER = Shape(Kind.NUMBER)
NULL = Shape(Kind.NULL)
ANY_MAP = Shape(Kind.MAP, ANY)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object. `maybe`: it can be absent, so that `has()` or a default is needed to read it."""

    shape: Shape
    maybe: bool = False
    required: bool = True
    given_when: str = ""  # a field beside it, true or false: when that is true, this one is there
    given_with: str = ""  # an input: when that is given, this output is there
    typed_by: str = ""  # an input: a JSON Schema that this output has the shape of
    filled_with: str = ""  # an input: when a text that is not empty is given there, this output is not empty
    filled_unless: str = ""  # an input and a value of it: where another one is given, or none, this output is not empty
    empty: str = ""  # of an input, `absent`: an empty text counts as not given
    sparse: str = ""  # of a map, `true`: each of its keys can be absent
    longest: str = ""  # what it is not longer than: an input, `text*3`, several inputs, or the number in one, `=length`
    blank: bool = False  # of a refined text: it is empty where nothing was found, and no field beside it says so


@dataclass(frozen=True, slots=True)
class Object:
    """An object's fields. `what` is how a fault calls it; `open` ones hold others too."""

    what: str
    fields: Mapping[str, Field]
    open: bool = False


MARKS = ("given_when", "given_with", "typed_by", "filled_with", "filled_unless", "empty", "sparse", "longest")
CLOSED = frozenset({"region", "language", "time_zone"})
"""Texts that have to be one of a known set: a text from outside is not, until it was looked up."""
_FORMATS = {"email": "email", "uri": "url", "date-time": "timestamp"}
_SIMPLE = {"string": TEXT, "boolean": BOOL, "integer": INT, "number": NUMBER, "null": NULL}


class _Given(GenerateJsonSchema):
    """Outputs are dumped without nulls: a field with a default is always there, but for one whose default is null."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, ARG002, FBT001 - pydantic's signature
        """Every field is, but for those whose default is null."""
        schema = field.get("schema", {})
        return not (schema.get("type") == "default" and schema.get("default", ...) is None)


class Shapes:
    """All shapes of one check, and the objects among them by name."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self._models: dict[tuple[type[BaseModel], str], Shape] = {}
        self._same: dict[tuple[str, tuple[tuple[str, Field], ...]], Shape] = {}

    def of_model(self, model: type[BaseModel], mode: Literal["validation", "serialization"], what: str) -> Shape:
        """The shape of a model: `validation` for inputs, `serialization` for what expressions read (names as dumped).

        Always an object, also for a model without fields.
        """
        key = (model, mode)
        if key not in self._models:
            generator = _Given if mode == "serialization" else GenerateJsonSchema
            schema = model.model_json_schema(mode=mode, by_alias=True, schema_generator=generator)
            shape = self.of_schema(schema, what)
            self._models[key] = shape if shape.kind is Kind.OBJECT else self.add(Object(what, {}))
        return self._models[key]

    def of_schema(self, schema: Mapping[str, Any], what: str, *, ours: bool = True) -> Shape:
        """The shape of a valid JSON Schema. Marks (`refined`, `given_when`, …) count in those of ours only."""
        return _Schema(self, schema, ours=ours).shape(schema, what)

    def add(self, thing: Object) -> Shape:
        """The shape of an object with these fields."""
        name = f"t{len(self.objects)}"
        self.objects[name] = thing
        return Shape(Kind.OBJECT, name=name)

    def once(self, what: str, fields: Mapping[str, Field]) -> Shape:
        """The shape of an object that many flows have: the same for the same fields.

        Each new object costs all flows that are checked after it, as CEL's types are made anew for it.
        """
        key = (what, tuple(fields.items()))
        if key not in self._same:
            self._same[key] = self.add(Object(what, fields))
        return self._same[key]

    def fields(self, shape: Shape) -> Mapping[str, Field]:
        """The fields of an object's shape."""
        return self.objects[shape.name].fields


class _Schema:
    """Reads one JSON Schema document."""

    def __init__(self, shapes: Shapes, root: Mapping[str, Any], *, ours: bool) -> None:
        self.shapes = shapes
        self.root = root
        self.ours = ours
        self.known: dict[str, Shape] = {}

    def shape(self, schema: Any, what: str) -> Shape:  # noqa: ANN401 - JSON
        if not isinstance(schema, Mapping):
            return ANY
        if (reference := schema.get("$ref")) is not None:
            return self.reference(str(reference), what)
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                return self.union([self.shape(option, what) for option in schema[word]])
        if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            return self.shape(schema["allOf"][0], what)
        if isinstance(kinds := schema.get("type"), list):
            return self.union([self.shape({**schema, "type": kind}, what) for kind in kinds])
        return self.typed(schema, what)

    def typed(self, schema: Mapping[str, Any], what: str) -> Shape:
        kind = schema.get("type")
        if kind == "object" or (kind is None and "properties" in schema):
            return self.object(schema, what)
        if kind == "array":
            return Shape(Kind.LIST, self.shape(schema.get("items"), what))
        if kind == "string":
            refined = (self.mark(schema) if self.ours else None) or _FORMATS.get(str(schema.get("format")))
            values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
            closed = isinstance(values, list) and all(isinstance(value, str) for value in values)
            filled = isinstance(least := schema.get("minLength"), int | float) and least >= 1
            reads = str(schema.get("reads", "")) if self.ours else ""
            return replace(
                TEXT,
                refined=refined,
                values=tuple(values) if closed else (),
                filled=filled,
                most=_most(schema),
                reads=reads,
            )
        if kind in _SIMPLE:
            return _SIMPLE[str(kind)]
        if isinstance(values := schema.get("enum"), list) and values and all(isinstance(each, str) for each in values):
            return replace(TEXT, values=tuple(values))
        values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
        return self.union([_of_value(value) for value in values]) if values else ANY

    @staticmethod
    def mark(schema: Mapping[str, Any]) -> str | None:
        """What the text is, by a mark of ours."""
        refined, checked = schema.get("refined"), schema.get("checked")
        return refined or (checked if checked in CLOSED else None)

    def object(self, schema: Mapping[str, Any], what: str) -> Shape:
        properties = schema.get("properties")
        more = schema.get("additionalProperties", True)
        if not properties:
            return Shape(Kind.MAP, self.shape(more, what) if isinstance(more, Mapping) else ANY)
        required = schema.get("required", ())
        fields: dict[str, Field] = {}
        # Named before its fields are read: a field can be of the same shape again.
        made = self.shapes.add(Object(what, fields, open=more is not False))
        for name, part in properties.items():
            shape = self.shape(part, f"`{name}` in {what}")
            options = shape.options if shape.kind is Kind.UNION else (shape,)
            nullable = NULL in options
            if nullable and shape.kind is Kind.UNION:
                shape = self.union([option for option in options if option != NULL])
            marks = {mark: str(part[mark]) for mark in MARKS if self.ours and mark in part}
            blank = shape.refined is not None and part.get("default") == "" and "given_when" not in marks
            fields[name] = Field(shape, nullable or name not in required, name in required, **marks, blank=blank)
        return made

    def reference(self, pointer: str, what: str) -> Shape:
        if pointer not in self.known:
            target: Any = self.root
            for part in pointer.removeprefix("#").split("/")[1:]:
                target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
            # A reference inside its own target ends here: what is below it is not proved.
            self.known[pointer] = ANY
            self.known[pointer] = self.shape(target, what)
        return self.known[pointer]

    def union(self, options: list[Shape]) -> Shape:
        flat = [inner for option in options for inner in (option.options if option.kind is Kind.UNION else (option,))]
        different = tuple(dict.fromkeys(one_text(flat)))
        if len(different) == 1:
            return different[0]
        return ANY if ANY in different else Shape(Kind.UNION, options=different)


def one_text(options: Sequence[Shape]) -> list[Shape]:
    """The options with all plain texts as one: of closed ones all values, with an open one any text."""
    texts = [option for option in options if option.kind is Kind.TEXT and option.refined is None]
    if len(texts) < MANY:
        return list(options)
    closed = all(option.values for option in texts)
    values = tuple(dict.fromkeys(value for option in texts for value in option.values)) if closed else ()
    return [
        replace(TEXT, values=values, filled=all(is_filled(option) for option in texts), most=longest_of(texts)),
        *(option for option in options if option not in texts),
    ]


MANY = 2
_WRITTEN = {Kind.BOOL: 5, Kind.INT: 20, Kind.NUMBER: 32, Kind.TIME: 40, Kind.DURATION: 60, Kind.NULL: 0}
"""Characters of what is written as text."""


def is_filled(text: Shape) -> bool:
    """Whether a text is surely not empty."""
    return (
        text.filled or (text.refined is not None and not text.unless) or (bool(text.values) and "" not in text.values)
    )


def longest(shape: Shape) -> int | None:
    """The most characters that a value has as a text, a list's each; None: there is no bound, or none is known."""
    if shape.kind in (Kind.OPTIONAL, Kind.LIST) and shape.item is not None:
        return longest(shape.item)
    if shape.kind is Kind.UNION:
        return longest_of(shape.options)
    if shape.kind is not Kind.TEXT:
        return _WRITTEN.get(shape.kind)
    known = [shape.most] if shape.most is not None else []
    if shape.values:
        known.append(max(len(value) for value in shape.values))
    return min(known, default=None)


def bounded(shape: Shape, most: int | None) -> Shape:
    """The text, or the list of texts, with this greatest length where there is one."""
    if shape.kind is Kind.LIST and shape.item is not None:
        return replace(shape, item=bounded(shape.item, most))
    return shape if most is None or shape.kind is not Kind.TEXT else replace(shape, most=most)


def longest_of(shapes: Iterable[Shape]) -> int | None:
    """The most characters of what is any of these."""
    found = [longest(shape) for shape in shapes]
    return None if None in found else max((most for most in found if most is not None), default=None)


def joined(shapes: Iterable[Shape], beside: int = 0) -> int | None:
    """The most characters of these texts one after the other, and of so many more. Any value adds what it has."""
    total = beside
    for shape in shapes:
        inner = shape.item or ANY if shape.kind is Kind.OPTIONAL else shape
        most = 0 if inner.kind is Kind.ANY else longest(inner)
        if most is None:
            return None
        total += most
    return total


def _most(schema: Mapping[str, Any]) -> int | None:
    most = schema.get("maxLength")
    return int(most) if isinstance(most, int | float) else None


def _of_value(value: Any) -> Shape:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return BOOL
    if value is None:
        return NULL
    return {str: TEXT, int: INT, float: NUMBER}.get(type(value), ANY)
