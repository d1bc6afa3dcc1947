"""The shape of an expression, with what CEL does not know: which texts are phones, e-mails and the like."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from services.flows.assignability import each_is
from services.flows.cel_tree import OPTIONAL_SELECT, Expr, Tree
from services.flows.shapes import (
    ANY,
    ANY_MAP,
    TEXT,
    Kind,
    Shape,
    bounded,
    is_filled,
    joined,
    longest,
    longest_of,
    one_text,
)
from services.flows.types import TypedEnvironments

SHORTER = {
    **dict.fromkeys(("trim", "substring", "charAt", "lowerAscii", "upperAscii", "reverse", "split"), 1),
    "lower": 3,
    "upper": 3,
}
"""What texts are made into, and how many times as long they can be: the capital of one letter is three at most."""


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
        if kind == "list":
            return self.list_of([self.written(each) for each in expr.list.elements])
        if kind == "comprehension":
            return self.made(expr)
        return None

    @staticmethod
    def list_of(items: Sequence[Shape]) -> Shape | None:
        """The shape of a list of texts that stands there; of others CEL knows enough."""
        if not items or any(item.kind is not Kind.TEXT for item in items):
            return None
        return Shape(Kind.LIST, functools.reduce(either, items))

    def made(self, expr: Expr) -> Shape | None:
        """What `filter` and `map` make of a list: the elements that they add to it."""
        inner = expr.comprehension
        step = inner.loop_step
        if step.WhichOneof("kind") == "call" and step.call.function == "_?_:_":
            step = step.call.args[1]
        added = step.call.args[1] if step.WhichOneof("kind") == "call" and step.call.function == "_+_" else None
        if added is None or added.WhichOneof("kind") != "list" or len(added.list.elements) != 1:
            return None
        every = self.known(inner.iter_range)
        if every is None or every.item is None:
            return None
        inside = Inference(
            self.tree, self.types, {**self.variables, inner.iter_var: every.item}, self.unasked, self.filled
        )
        return Shape(Kind.LIST, inside.shape(added.list.elements[0]))

    def field(self, owner: Shape | None, name: str) -> Shape | None:
        """The shape of a field of an object."""
        if owner is None or owner.kind is not Kind.OBJECT:
            return None
        found = self.types.shapes.fields(owner).get(name)
        return bounded(found.shape, dict(owner.lengths).get(name)) if found else None

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
        if name in ("_[_]", "_[?_]"):
            owner = self.known(args[0])
            item = owner.item if owner and owner.kind in (Kind.LIST, Kind.MAP) else None
            return item if item is None or name == "_[_]" else Shape(Kind.OPTIONAL, item)
        if name in ("optional.of", "optional.ofNonZeroValue"):
            return Shape(Kind.OPTIONAL, self.shape(args[0]))
        if name in ("orValue", "value") and expr.call.HasField("target"):
            inner = self.shape(expr.call.target)
            if inner.kind is not Kind.OPTIONAL or inner.item is None:
                return None
            return either(inner.item, self.written(args[0])) if name == "orValue" else inner.item
        return self.text_call(expr)

    def text_call(self, expr: Expr) -> Shape | None:
        """What a call makes of texts: which of them are empty, and how long they are."""
        name, args = expr.call.function, expr.call.args
        if name in SHORTER and expr.call.HasField("target"):
            owner = self.shape(expr.call.target)
            if owner.kind is not Kind.TEXT or (most := longest(owner)) is None:
                return None
            made = replace(TEXT, most=most * SHORTER[name])
            return Shape(Kind.LIST, made) if name == "split" else made
        if name == "string" and args:
            return replace(TEXT, most=joined([self.shape(args[0])]))
        if name == "_+_" and self.types.shape(self.tree.type_of(expr)).kind is Kind.LIST:
            one, other = (self.shape(each) for each in args)
            if one.item and other.item and one.item.kind is other.item.kind is Kind.TEXT:
                return Shape(Kind.LIST, either(one.item, other.item))
            return None
        if name == "_+_" and self.types.shape(self.tree.type_of(expr)).kind is Kind.TEXT:
            parts = [self.written(each) for each in args]
            return replace(TEXT, filled=any(is_filled(part) for part in parts), most=joined(parts))
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
    if one.kind is other.kind is Kind.OBJECT and one.name == other.name:
        return replace(one, lengths=())
    if Kind.ANY in (one.kind, other.kind):
        # `optional.none()` and empty lists fit everything.
        return other if one.kind is Kind.ANY and other.kind is Kind.OPTIONAL else ANY
    if one.kind is other.kind is Kind.OPTIONAL:
        items = (one.item or ANY, other.item or ANY)
        if ANY in items:
            return Shape(Kind.OPTIONAL, next(item for item in (*items,) if item != ANY or items == (ANY, ANY)))
        return Shape(Kind.OPTIONAL, either(*items))
    if one.kind is other.kind is Kind.TEXT:
        if replace(one, unless="", most=None) == replace(other, unless="", most=None):
            return replace(one if one.unless else other, most=longest_of((one, other)))
        for refined, plain in ((one, other), (other, one)):
            if refined.refined is not None and each_is(plain.values, refined.refined):
                return refined
        (merged,) = one_text(
            [replace(each, refined=None, filled=is_filled(each), most=longest(each)) for each in (one, other)]
        )
        return merged
    if {one.kind, other.kind} == {Kind.INT, Kind.NUMBER}:
        return Shape(Kind.NUMBER)
    if one.kind is not other.kind or one.kind is Kind.UNION:
        flat = [option for each in (one, other) for option in (each.options if each.kind is Kind.UNION else (each,))]
        return Shape(Kind.UNION, options=tuple(dict.fromkeys(one_text(flat))))
    return ANY_MAP if one.kind is Kind.OBJECT else Shape(one.kind, ANY)
