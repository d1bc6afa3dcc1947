"""The shape of an expression, with what CEL does not know: which texts are phones, e-mails and the like."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from services.flows.assignability import each_is
from services.flows.cel_tree import OPTIONAL_SELECT, Expr, Tree
from services.flows.shapes import ANY, ANY_MAP, TEXT, Kind, Shape, is_filled, one_text
from services.flows.types import TypedEnvironments


class Inference:
    """Shapes of the parts of one expression."""

    def __init__(
        self,
        tree: Tree,
        types: TypedEnvironments,
        variables: Mapping[str, Shape],
        unasked: Mapping[int, str] | None = None,
        filled: AbstractSet[int] = frozenset(),
    ) -> None:
        self.tree = tree
        self.types = types
        self.variables = variables
        self.unasked = unasked or {}
        self.filled = filled

    def shape(self, expr: Expr) -> Shape:
        """The most that is known: from the catalogue where the value comes from there, else CEL's own type."""
        found = self.known(expr)
        return found if found is not None else self.types.shape(self.tree.type_of(expr))

    def known(self, expr: Expr) -> Shape | None:
        """What the catalogue says, and what was asked before; None where only CEL knows."""
        found = self.declared(expr)
        if expr.id in self.filled:
            found = found or self.types.shape(self.tree.type_of(expr))
            return replace(found, filled=True, values=tuple(value for value in found.values if value))
        if found is not None and expr.id in self.unasked:
            inner = found.item if found.kind is Kind.OPTIONAL else found
            if inner is not None and inner.kind is Kind.TEXT:
                inner = replace(inner, unless=self.unasked[expr.id])
                return replace(found, item=inner) if found.kind is Kind.OPTIONAL else inner
        return found

    def declared(self, expr: Expr) -> Shape | None:
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
            return either(self.written(args[1]), self.written(args[2]))
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
            return either(inner.item, self.written(args[0])) if name == "orValue" else inner.item
        if name == "_+_" and self.types.shape(self.tree.type_of(expr)).kind is Kind.TEXT:
            return replace(TEXT, filled=any(is_filled(self.written(each)) for each in args))
        return None

    def written(self, expr: Expr) -> Shape:
        """As `shape`; of a text that stands there, what it is."""
        if expr.WhichOneof("kind") == "constant" and expr.constant.WhichOneof("kind") == "string":
            return replace(TEXT, values=(expr.constant.string,))
        return self.shape(expr)


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
        if replace(one, unless="") == replace(other, unless=""):
            return one if one.unless else other
        for refined, plain in ((one, other), (other, one)):
            if refined.refined is not None and each_is(plain.values, refined.refined):
                return refined
        (merged,) = one_text([replace(each, refined=None, filled=is_filled(each)) for each in (one, other)])
        return merged
    if {one.kind, other.kind} == {Kind.INT, Kind.NUMBER}:
        return Shape(Kind.NUMBER)
    if one.kind is not other.kind or one.kind is Kind.UNION:
        flat = [option for each in (one, other) for option in (each.options if each.kind is Kind.UNION else (each,))]
        return Shape(Kind.UNION, options=tuple(dict.fromkeys(one_text(flat))))
    return ANY_MAP if one.kind is Kind.OBJECT else Shape(one.kind, ANY)
