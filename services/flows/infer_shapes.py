"""The shape of an expression, with what CEL does not know: which texts are phones, e-mails and the like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.flows.cel_tree import OPTIONAL_SELECT, Expr, Tree
from services.flows.shapes import ANY, ANY_MAP, Kind, Shape, one_text
from services.flows.types import TypedEnvironments


class Inference:
    """Shapes of the parts of one expression."""

    def __init__(self, tree: Tree, types: TypedEnvironments, variables: Mapping[str, Shape]) -> None:
        self.tree = tree
        self.types = types
        self.variables = variables

    def shape(self, expr: Expr) -> Shape:
        """The most that is known: from the catalogue where the value comes from there, else CEL's own type."""
        found = self.known(expr)
        return found if found is not None else self.types.shape(self.tree.type_of(expr))

    def known(self, expr: Expr) -> Shape | None:
        """What the catalogue says; None where only CEL knows."""
        kind = expr.WhichOneof("kind")
        if kind == "ident":
            return self.variables.get(expr.ident.name)
        if kind == "select" and not expr.select.test_only:
            return self.field(self.known(expr.select.operand), expr.select.field)
        if kind == "call":
            return self.call(expr)
        return None

    def field(self, owner: Shape | None, name: str) -> Shape | None:
        """The shape of a field of an object."""
        if owner is None or owner.kind is not Kind.OBJECT:
            return None
        found = self.types.shapes.fields(owner).get(name)
        return found.shape if found else None

    def call(self, expr: Expr) -> Shape | None:
        """The shape of a call, where CEL's own type says less."""
        name, args = expr.call.function, expr.call.args
        if name == "_?_:_":
            return either(self.shape(args[1]), self.shape(args[2]))
        if name == OPTIONAL_SELECT:
            owner = self.known(args[0])
            if owner is not None and owner.kind is Kind.OPTIONAL:
                owner = owner.item
            found = self.field(owner, args[1].constant.string)
            return Shape(Kind.OPTIONAL, found) if found else None
        if name == "_[_]":
            owner = self.known(args[0])
            return owner.item if owner and owner.kind in (Kind.LIST, Kind.MAP) else None
        if name in ("optional.of", "optional.ofNonZeroValue"):
            return Shape(Kind.OPTIONAL, self.shape(args[0]))
        if name in ("orValue", "value") and expr.call.HasField("target"):
            inner = self.shape(expr.call.target)
            if inner.kind is not Kind.OPTIONAL or inner.item is None:
                return None
            return either(inner.item, self.shape(args[0])) if name == "orValue" else inner.item
        return None


def either(one: Shape, other: Shape) -> Shape:
    """A shape that holds both: what a value is that comes one way or the other."""
    if one == other:
        return one
    if Kind.ANY in (one.kind, other.kind):
        # `optional.none()` and empty lists fit everything.
        return other if one.kind is Kind.ANY and other.kind is Kind.OPTIONAL else ANY
    if one.kind is other.kind is Kind.OPTIONAL:
        items = (one.item or ANY, other.item or ANY)
        if ANY in items:
            return Shape(Kind.OPTIONAL, next(item for item in (*items,) if item != ANY or items == (ANY, ANY)))
        return Shape(Kind.OPTIONAL, either(*items))
    if one.kind is other.kind is Kind.TEXT:
        (merged,) = one_text([replace(one, refined=None), replace(other, refined=None)])
        return merged
    if {one.kind, other.kind} == {Kind.INT, Kind.NUMBER}:
        return Shape(Kind.NUMBER)
    if one.kind is not other.kind or one.kind is Kind.UNION:
        flat = [option for each in (one, other) for option in (each.options if each.kind is Kind.UNION else (each,))]
        return Shape(Kind.UNION, options=tuple(dict.fromkeys(one_text(flat))))
    return ANY_MAP if one.kind is Kind.OBJECT else Shape(one.kind, ANY)
