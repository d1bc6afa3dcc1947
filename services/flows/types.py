"""Shapes as CEL knows them: each object a protobuf message, so that CEL's own checker finds a misspelled field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2

from services.flows.cel import typed
from services.flows.shapes import ANY, Field, Kind, Shape, Shapes

PACKAGE = "flows."
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FIELD = descriptor_pb2.FieldDescriptorProto
_STRUCT_FILE = "google/protobuf/struct.proto"
_SCALARS = {
    Kind.TEXT: _FIELD.TYPE_STRING,
    Kind.BOOL: _FIELD.TYPE_BOOL,
    Kind.INT: _FIELD.TYPE_INT64,
    Kind.NUMBER: _FIELD.TYPE_DOUBLE,
}
_PRIMITIVES = {1: Kind.BOOL, 2: Kind.INT, 3: Kind.INT, 4: Kind.NUMBER, 5: Kind.TEXT, 6: Kind.BYTES}
_WELL_KNOWN = {1: Kind.ANY, 2: Kind.TIME, 3: Kind.DURATION}


class TypedEnvironments:
    """Typed environments over one set of shapes."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._pool: Any = None
        self._pooled = -1
        self._environments: dict[tuple[tuple[str, Shape], ...], Any] = {}

    def environment(self, variables: Mapping[str, Shape]) -> Any:  # noqa: ANN401 - the binding is untyped
        """An environment in which these variables have these shapes."""
        if self._pooled != len(self.shapes.objects):
            self._pool = self._filled_pool()
            self._pooled = len(self.shapes.objects)
            self._environments.clear()
        key = tuple(
            (name, replace(shape, lengths=()) if shape.lengths else shape)
            for name, shape in sorted(variables.items(), key=itemgetter(0))
        )
        if key not in self._environments:
            types = {name: _type(shape) for name, shape in variables.items()}
            self._environments[key] = typed(types, self._pool)
        return self._environments[key]

    def shape(self, found: Any) -> Shape:  # noqa: ANN401 - a message `Type` of cel_tree
        """The shape of a type that CEL's checker found."""
        kind = found.WhichOneof("kind") if found is not None else None
        if kind in ("primitive", "wrapper"):
            return Shape(_PRIMITIVES.get(getattr(found, kind), Kind.ANY))
        if kind == "well_known":
            return Shape(_WELL_KNOWN.get(found.well_known, Kind.ANY))
        if kind == "list":
            return Shape(Kind.LIST, self.shape(found.list.elem))
        if kind == "map":
            return Shape(Kind.MAP, self.shape(found.map.value))
        if kind == "message" and found.message.startswith(PACKAGE):
            return Shape(Kind.OBJECT, name=found.message.removeprefix(PACKAGE))
        if kind == "abstract" and found.abstract.name == "optional_type":
            return Shape(Kind.OPTIONAL, self.shape(found.abstract.parameters[0]))
        return {"null": Shape(Kind.NULL), "type": Shape(Kind.TYPE)}.get(str(kind), ANY)

    def _filled_pool(self) -> Any:  # noqa: ANN401
        file = descriptor_pb2.FileDescriptorProto(
            name="flows/types.proto", package="flows", syntax="proto3", dependency=[_STRUCT_FILE]
        )
        for name, thing in self.shapes.objects.items():
            message = file.message_type.add(name=name)
            for number, (field_name, field) in enumerate(thing.fields.items(), 1):
                # A name that CEL cannot write after a dot is reached by dyn(x)["the name"].
                if _NAME.fullmatch(field_name):
                    _add_field(message, name, field_name, number, field)
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
        pool.Add(file)
        return pool


def _type(shape: Shape) -> Any:  # noqa: ANN401
    if shape.kind is Kind.LIST:
        return cel.Type.List(_type(shape.item or ANY))
    if shape.kind is Kind.MAP:
        return cel.Type.Map(cel.Type.STRING, _type(shape.item or ANY))
    if shape.kind is Kind.OBJECT:
        return cel.Type(PACKAGE + shape.name)
    simple = {
        Kind.TEXT: cel.Type.STRING,
        Kind.BOOL: cel.Type.BOOL,
        Kind.INT: cel.Type.INT,
        Kind.NUMBER: cel.Type.DOUBLE,
        Kind.TIME: cel.Type.STRING,  # a stored time is a text
        Kind.DURATION: cel.Type.STRING,
    }
    return simple.get(shape.kind, cel.Type.DYN)


def _add_field(message: Any, owner: str, name: str, number: int, field: Field) -> None:  # noqa: ANN401
    shape = field.shape
    made = message.field.add(name=name, number=number, json_name=f"f{number}", label=_FIELD.LABEL_OPTIONAL)
    if shape.kind is Kind.LIST and shape.item is not None:
        item = shape.item
        if item.kind in (Kind.LIST, Kind.ANY, Kind.UNION, Kind.NULL):
            _refer(made, ".google.protobuf.ListValue")
            return
        made.label = _FIELD.LABEL_REPEATED
        shape = item if item.kind is not Kind.MAP else Shape(Kind.MAP, ANY)
    if shape.kind in _SCALARS:
        made.type = _SCALARS[shape.kind]
    elif shape.kind is Kind.OBJECT:
        _refer(made, f".{PACKAGE}{shape.name}")
    elif shape.kind is Kind.MAP:
        _add_map(message, made, owner, shape.item or ANY)
    else:
        _refer(made, ".google.protobuf.Value")


def _add_map(message: Any, made: Any, owner: str, item: Shape) -> None:  # noqa: ANN401
    # protobuf wants the entry's name to follow from the field's.
    entry_name = "".join(part[:1].upper() + part[1:] for part in made.name.split("_")) + "Entry"
    taken = any(each.name == entry_name for each in message.nested_type)
    if taken or (item.kind not in _SCALARS and item.kind is not Kind.OBJECT):
        _refer(made, ".google.protobuf.Struct")
        return
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    value = entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL)
    if item.kind is Kind.OBJECT:
        _refer(value, f".{PACKAGE}{item.name}")
    else:
        value.type = _SCALARS[item.kind]
    made.label = _FIELD.LABEL_REPEATED
    _refer(made, f".{PACKAGE}{owner}.{entry_name}")


def _refer(field: Any, type_name: str) -> None:  # noqa: ANN401
    field.type = _FIELD.TYPE_MESSAGE
    field.type_name = type_name
