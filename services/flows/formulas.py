"""Expression → formula: what of a condition can be reasoned about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.flows.cel_tree import Expr, Tree, bound, children, used_fields
from services.flows.infer_shapes import Inference
from services.flows.logic import UNSURE, Atom, Both, Compare, Fixed, Formula, Not, either
from services.flows.shapes import BOOL, Kind

LOGIC = {"_&&_": Both, "_||_": either}
MIRRORED = {"_==_": "==", "_<_": ">", "_<=_": ">=", "_>_": "<", "_>=_": "<="}
SIGNS = {"_==_": "==", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
Certain = Callable[[Expr], bool | None]


class FormulaBuilder:
    """Makes formulas of one expression. `certain` says of a `has(…)` whether it can be only one."""

    def __init__(self, tree: Tree, inference: Inference, certain: Certain) -> None:
        self.tree = tree
        self.inference = inference
        self.certain = certain

    def formula(self, expr: Expr) -> Formula:
        """The formula of a part that is true or false."""
        kind = expr.WhichOneof("kind")
        if kind == "constant" and expr.constant.WhichOneof("kind") == "bool":
            return Fixed(expr.constant.bool)
        if kind == "select" and expr.select.test_only:
            known = self.certain(expr)
            return Atom(text_of(expr)) if known is None else Fixed(known)
        if kind == "call":
            return self.call(expr)
        return self.leaf(expr)

    def leaf(self, expr: Expr) -> Formula:
        """A part that is not looked into. What reads nothing of the run (`1 > 2` was judged) says nothing."""
        return Atom(text_of(expr)) if used_fields(expr) else UNSURE

    def call(self, expr: Expr) -> Formula:
        """Logic and comparisons are looked into, other calls are not."""
        name, args = expr.call.function, expr.call.args
        if name == "!_":
            return Not(self.formula(args[0]))
        if name in LOGIC:
            return LOGIC[name](self.formula(args[0]), self.formula(args[1]))
        if name == "_?_:_":
            condition = self.formula(args[0])
            then, otherwise = self.formula(args[1]), self.formula(args[2])
            return either(Both(condition, then), Both(Not(condition), otherwise))
        if name == "_!=_":
            return Not(self.compared(expr, "_==_"))
        if name in SIGNS:
            return self.compared(expr, name)
        if name == "@in" and args[1].WhichOneof("kind") == "list":
            return self.listed(args[0], list(args[1].list.elements), expr)
        return self.leaf(expr)

    def compared(self, expr: Expr, name: str) -> Formula:
        """`left sign right`."""
        left, right = expr.call.args
        if name == "_==_" and text_of(left) == text_of(right):
            return Fixed(value=True)
        for one, other, signs in ((left, right, SIGNS), (right, left, MIRRORED)):
            if is_constant(other) and used_fields(one):
                return self.comparison(one, signs[name], constant_of(other), expr)
        return self.leaf_of(expr, name)

    def comparison(self, subject: Expr, sign: str, value: Any, expr: Expr) -> Formula:  # noqa: ANN401 - a JSON value
        """A subject against a constant."""
        shape = self.inference.shape(subject)
        if shape == BOOL and isinstance(value, bool) and sign == "==":
            part = self.formula(subject)
            return part if value else Not(part)
        if sign != "==" and (shape.kind not in (Kind.INT, Kind.NUMBER) or not isinstance(value, int | float)):
            return Atom(f"{sign} {text_of(expr)}")
        if shape.values and isinstance(value, str) and value not in shape.values:
            return UNSURE  # reported as what it is: a misspelled value
        sized = subject.WhichOneof("kind") == "call" and subject.call.function == "size"
        return Compare(text_of(subject), sign, value, shape, 0 if sized else None)

    def listed(self, subject: Expr, elements: list[Expr], expr: Expr) -> Formula:
        """`x in [1, 2]`."""
        if not used_fields(subject) or not all(is_constant(each) for each in elements):
            return self.leaf(expr)
        found: Formula = Fixed(value=False)
        for each in elements:
            found = either(found, self.comparison(subject, "==", constant_of(each), expr))
        return found

    def leaf_of(self, expr: Expr, name: str) -> Formula:
        """A comparison of two parts that are not constant: `!=` is the opposite of `==` on the same parts."""
        if not used_fields(expr):
            return UNSURE
        return Atom(f"{name} " + ", ".join(text_of(each) for each in expr.call.args))


def is_constant(expr: Expr) -> bool:
    """Whether this part is a text, a number, true, false or null."""
    return expr.WhichOneof("kind") == "constant" and expr.constant.WhichOneof("kind") not in ("bytes", None)


def constant_of(expr: Expr) -> Any:  # noqa: ANN401 - a JSON value
    """Its value."""
    kind = expr.constant.WhichOneof("kind")
    return None if kind in (None, "null") else getattr(expr.constant, kind)


def text_of(expr: Expr) -> str:
    """One text for the same expression, however it was written."""
    kind = expr.WhichOneof("kind")
    if kind == "ident":
        return str(expr.ident.name)
    if kind == "constant":
        return f"{expr.constant.WhichOneof('kind')}:{constant_of(expr)!r}"
    if kind == "select":
        inner = f"{text_of(expr.select.operand)}.{expr.select.field}"
        return f"has({inner})" if expr.select.test_only else inner
    names, inner_parts = bound(expr)
    head = {"call": expr.call.function, "struct": "{}", "list": "[]", "comprehension": f"each {sorted(names)}"}
    keys = [each.field_key for each in expr.struct.entries] if kind == "struct" else []
    parts = [*keys, *(text_of(each) for each in (*children(expr), *inner_parts))]
    return f"{head.get(str(kind), kind)}({', '.join(parts)})"
