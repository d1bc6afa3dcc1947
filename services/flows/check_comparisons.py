"""Comparisons that never mean what they say: with a text that is none of those that can be, or of another kind."""

from __future__ import annotations

from collections.abc import Callable

from services.flows.cel_tree import Expr, Tree
from services.flows.check_guards import shown_of
from services.flows.formulas import constant_of, is_constant
from services.flows.infer_shapes import Inference
from services.flows.refined import is_a
from services.flows.shapes import Shape
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.suggestion import suggestion

Report = Callable[[tuple[int, int], FaultCode, str], None]
EQUAL = ("_==_", "_!=_")
ORDERED = ("_<_", "_<=_", "_>_", "_>=_")
BEGINS = {"phone": "+", "digits": "0123456789"}
"""What the first sign of a text is, where that is known."""


class Comparisons:
    """Of one expression."""

    def __init__(self, tree: Tree, inference: Inference, report: Report) -> None:
        self._tree = tree
        self._inference = inference
        self._report = report

    def check(self, expr: Expr) -> None:
        """Report what is wrong with this part, if it compares."""
        if expr.WhichOneof("kind") != "call":
            return
        name, args = expr.call.function, expr.call.args
        if name in (*EQUAL, *ORDERED) and self._moments(expr, args[0], args[1]):
            return
        if name in EQUAL:
            self._kinds(expr, args[0], args[1])
        if name in (*EQUAL, "@in"):
            listed = list(args[1].list.elements) if args[1].WhichOneof("kind") == "list" else [args[1]]
            for subject, constants in ((args[0], listed), (args[1], [args[0]])):
                for constant in constants:
                    self._never(subject, constant)
        if name == "startsWith" and expr.call.HasField("target") and is_constant(args[0]):
            self._begin(expr.call.target, args[0])

    def _moments(self, expr: Expr, left: Expr, right: Expr) -> bool:
        """Texts of times, whose order and equality are not those of the moments: offsets differ."""
        kinds = [self._inference.shape(each).refined for each in (left, right)]
        if "timestamp" not in kinds or any(is_constant(each) and not constant_of(each) for each in (left, right)):
            return False
        one, other = (shown_of(each) for each in (left, right))
        sign = expr.call.function.strip("_")
        text = f"these are compared as texts, and a moment has many: `timestamp({one}) {sign} timestamp({other})`"
        self._report(self._tree.location(expr), FaultCode.CONDITION_CONSTANT, text)
        return True

    def _kinds(self, expr: Expr, left: Expr, right: Expr) -> None:
        one, other = (self._inference.shape(each) for each in (left, right))
        if one.refined and other.refined and one.refined != other.refined:
            text = f"`{shown_of(left)}` is {one}, `{shown_of(right)}` is {other}: they are never equal"
            self._report(self._tree.location(expr), FaultCode.CONDITION_CONSTANT, text)

    def _never(self, subject: Expr, constant: Expr) -> None:
        """A text that stands there, and that the subject can never be."""
        shape, wrong = self._inference.shape(subject), constant_of(constant) if is_constant(constant) else None
        if not isinstance(wrong, str):
            return
        shown = shown_of(subject)
        shown = "this" if shown == "…" else shown
        if shape.values and wrong not in shape.values:
            text = f"`{shown}` is never {wrong!r}: {suggestion(wrong, shape.values)}"
        elif shape.refined and wrong and not is_a(shape.refined, wrong):
            text = f"`{shown}` is {shape}, and never {wrong!r}"
        else:
            return
        self._report(self._tree.location(constant), FaultCode.CONDITION_CONSTANT, text)

    def _begin(self, subject: Expr, constant: Expr) -> None:
        shape: Shape = self._inference.shape(subject)
        signs, text = BEGINS.get(shape.refined or ""), constant_of(constant)
        if signs is None or not isinstance(text, str) or (text and text[0] in signs and text != "+"):
            return
        always = "always" if text in ("", signs) else "never"
        told = f"`{shown_of(subject)}` is {shape}, which {always} begins with {text!r}"
        self._report(self._tree.location(constant), FaultCode.CONDITION_CONSTANT, told)
