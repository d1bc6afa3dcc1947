"""A compiled CEL expression as a tree, with types and locations.

The binding gives no access to the tree but `Expression.serialize()`: a `cel.expr.CheckedExpr` in a
`google.protobuf.Any`. Its messages are declared here, because no package that ships them is among our dependencies.
Source: https://github.com/google/cel-spec/blob/v0.24.0/proto/cel/expr/syntax.proto and checked.proto (field numbers are
fixed by them for ever).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_TYPE = "type.googleapis.com/cel.expr.CheckedExpr"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
    "uint64": _FIELD.TYPE_UINT64,
    "double": _FIELD.TYPE_DOUBLE,
}

# message → fields as "[*]type name=number[/oneof]"; * is repeated. Enums are int32: the wire format is the same.
_MESSAGES = {
    "Constant": "int32 null=1/kind bool bool=2/kind int64 int64=3/kind uint64 uint64=4/kind double double=5/kind"
    " string string=6/kind bytes bytes=7/kind",
    "Ident": "string name=1",
    "Select": "Expr operand=1 string field=2 bool test_only=3",
    "Call": "Expr target=1 string function=2 *Expr args=3",
    "List": "*Expr elements=1 *int32 optional_indices=2",
    "Entry": "int64 id=1 string field_key=2/key Expr map_key=3/key Expr value=4 bool optional_entry=5",
    "Struct": "string message_name=1 *Entry entries=2",
    "Comprehension": "string iter_var=1 Expr iter_range=2 string accu_var=3 Expr accu_init=4 Expr loop_condition=5"
    " Expr loop_step=6 Expr result=7 string iter_var2=8",
    "Expr": "int64 id=2 Constant constant=3/kind Ident ident=4/kind Select select=5/kind Call call=6/kind"
    " List list=7/kind Struct struct=8/kind Comprehension comprehension=9/kind",
    "Position": "int64 key=1 int32 value=2",
    "SourceInfo": "*int32 line_offsets=3 *Position positions=4",
    "ListType": "Type elem=1",
    "MapType": "Type key=1 Type value=2",
    "AbstractType": "string name=1 *Type parameters=2",
    "Nothing": "",
    "Type": "Nothing dyn=1/kind int32 null=2/kind int32 primitive=3/kind int32 wrapper=4/kind int32 well_known=5/kind"
    " ListType list=6/kind MapType map=7/kind string message=9/kind string type_param=10/kind Type type=11/kind"
    " Nothing error=12/kind AbstractType abstract=14/kind",
    "TypeOf": "int64 key=1 Type value=2",
    "Checked": "*TypeOf type_map=3 Expr expr=4 SourceInfo source_info=5",
}


def _declare() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="flows/cel_tree.proto", package="flows.cel", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        words = fields.split()
        for kind, spec in zip(words[::2], words[1::2], strict=True):
            field_name, number = spec.split("=")
            number, _, oneof = number.partition("/")
            field = message.field.add(name=field_name, number=int(number), label=_FIELD.LABEL_OPTIONAL)
            if kind.startswith("*"):
                kind = kind[1:]  # noqa: PLW2901 - the rest of the loop is about the element
                field.label = _FIELD.LABEL_REPEATED
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".flows.cel.{kind}"
            if oneof:
                if not message.oneof_decl:
                    message.oneof_decl.add(name=oneof)
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _declare()
_Checked = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("flows.cel.Checked"))
_Expr = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("flows.cel.Expr"))

Expr = Any  # a message `Expr` of the table above


class DepthError(ValueError):
    """The tree is deeper than protobuf reads (100 messages, about 15 rules such as map() inside each other)."""


def checked_of(tree: bytes) -> Any:  # noqa: ANN401 - a message `Checked` of the table above
    """The tree that `Expression.serialize()` gave. Raises DepthError."""
    checked = _Checked()
    try:
        checked.ParseFromString(any_pb2.Any.FromString(tree).value)
    except DecodeError:
        raise DepthError("nested too deep: make steps with `set` of its parts") from None
    return checked


def serialized(checked: Any) -> bytes:  # noqa: ANN401 - as above
    """What `Env.deserialize` reads."""
    return any_pb2.Any(type_url=_TYPE, value=checked.SerializeToString()).SerializeToString()


def new_part(number: int) -> Expr:
    """An empty part of a tree, with this id."""
    return _Expr(id=number)


class Tree:
    """The tree of one compiled expression. Raises DepthError."""

    def __init__(self, serialized: bytes) -> None:
        checked = checked_of(serialized)
        self.root: Expr = checked.expr
        self._positions = {each.key: each.value for each in checked.source_info.positions}
        self._line_ends = list(checked.source_info.line_offsets)
        self._types = {each.key: each.value for each in checked.type_map}

    def type_of(self, expr: Expr) -> Any:  # noqa: ANN401 - a message `Type` of the table above
        """The checker's type of a part; None where it noted none."""
        return self._types.get(expr.id)

    def location(self, expr: Expr) -> tuple[int, int]:
        """Line and column (from 1) in the expression's source."""
        offset = self._positions.get(expr.id, 0)
        line, start = 1, 0
        for number, end in enumerate(self._line_ends, 2):
            if end > offset:
                break
            line, start = number, end
        return line, offset - start + 1


def path_of(expr: Expr) -> tuple[str, ...] | None:
    """`a.b.c` as its names; None for anything else, also for `has(a.b)`."""
    names: list[str] = []
    while expr.WhichOneof("kind") == "select" and not expr.select.test_only:
        names.append(expr.select.field)
        expr = expr.select.operand
    if expr.WhichOneof("kind") != "ident":
        return None
    return (expr.ident.name, *reversed(names))


def children(expr: Expr) -> Iterator[Expr]:
    """The direct parts of an expression, without the parts that a comprehension binds variables for."""
    kind = expr.WhichOneof("kind")
    if kind == "select":
        yield expr.select.operand
    elif kind == "call":
        if expr.call.HasField("target"):
            yield expr.call.target
        yield from expr.call.args
    elif kind == "list":
        yield from expr.list.elements
    elif kind == "struct":
        for entry in expr.struct.entries:
            if entry.HasField("map_key"):
                yield entry.map_key
            yield entry.value
    elif kind == "comprehension":
        yield expr.comprehension.iter_range
        yield expr.comprehension.accu_init


def bound(expr: Expr) -> tuple[frozenset[str], tuple[Expr, ...]]:
    """The variables that a comprehension binds, and the parts that see them."""
    if expr.WhichOneof("kind") != "comprehension":
        return frozenset(), ()
    inner = expr.comprehension
    names = frozenset({inner.iter_var, inner.iter_var2, inner.accu_var} - {""})
    return names, (inner.loop_condition, inner.loop_step, inner.result)


def used_fields(expr: Expr, hidden: frozenset[str] = frozenset()) -> dict[str, set[str] | None]:
    """What an expression reads: for each variable the fields of it, or None when it is read as a whole."""
    found: dict[str, set[str] | None] = {}
    _use(expr, hidden, found)
    return found


def _use(expr: Expr, hidden: frozenset[str], found: dict[str, set[str] | None]) -> None:
    kind = expr.WhichOneof("kind")
    if kind == "ident":
        if expr.ident.name not in hidden:
            found[expr.ident.name] = None
        return
    root, field = _field_of_root(expr)
    if root is not None and root not in hidden:
        fields = found.setdefault(root, set())
        if fields is not None:
            fields.add(field)
        return
    for child in children(expr):
        _use(child, hidden, found)
    names, inner = bound(expr)
    for child in inner:
        _use(child, hidden | names, found)


def every_part(expr: Expr) -> Iterator[Expr]:
    """The expression and all that is in it, each before what is in it."""
    yield expr
    for child in (*children(expr), *bound(expr)[1]):
        yield from every_part(child)


OPTIONAL_SELECT = "_?._"


def _field_of_root(expr: Expr) -> tuple[str, str] | tuple[None, str]:
    """(variable, field) of `variable.field`, `has(variable.field)` and `variable.?field`."""
    kind = expr.WhichOneof("kind")
    if kind == "select" and expr.select.operand.WhichOneof("kind") == "ident":
        return expr.select.operand.ident.name, expr.select.field
    if kind == "call" and expr.call.function == OPTIONAL_SELECT:
        operand, field = expr.call.args
        if operand.WhichOneof("kind") == "ident":
            return operand.ident.name, field.constant.string
    return None, ""
