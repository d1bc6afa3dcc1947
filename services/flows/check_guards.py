"""What can fail in an expression although its types fit: an element, a key, a division, a text that is to be a number.

It is a mistake unless a condition before it, or around it in the same expression, says that it works, or what stands
there does. What the types do not know (`dyn`) is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from services.flows.cel import EvaluationError, compiled, evaluate, untyped
from services.flows.cel_tree import OPTIONAL_SELECT, Expr, Tree, bound, children
from services.flows.formulas import FormulaBuilder, constant_of, is_constant, text_of
from services.flows.infer_shapes import Inference
from services.flows.logic import Atom, Both, Compare, Fixed, Formula, Not, Truth, verdict
from services.flows.presence import NOTHING
from services.flows.shapes import INT, Kind
from services.runtime.documents.faults import FaultCode

Report = Callable[[tuple[int, int], FaultCode, str], None]
NUMBERS = ("int", "uint", "double")
READ = {**dict.fromkeys(NUMBERS, "number.parse"), "timestamp": "date.parse", "duration": "lookup"}
"""What reads a text, and the tool that says whether it can be read."""
PROVED = frozenset({"timestamp", "duration"})
"""What stands there is tried elsewhere (services/flows/check_expression.py)."""
_TRIES = untyped(frozenset({"x"}))


class Guards:
    """Judges one expression. `truths`: what is known where it stands."""

    def __init__(
        self, tree: Tree, inference: Inference, formulas: FormulaBuilder, truths: Sequence[Truth], report: Report
    ) -> None:
        self._tree = tree
        self._inference = inference
        self._formulas = formulas
        self._truths = truths
        self._report = report

    def check(self, expr: Expr, inside: Formula = Fixed(value=True)) -> None:  # noqa: B008 - frozen
        """Report what may fail in a part. `inside`: what holds where it counts."""
        kind = expr.WhichOneof("kind")
        if kind == "select" and expr.select.test_only:
            self.check(_asked_of(expr.select.operand), inside)
            return
        if kind == "call" and expr.call.function == OPTIONAL_SELECT:
            self.check(_asked_of(expr.call.args[0]), inside)
            return
        if kind == "call":
            self._call(expr, inside)
            for part, more in self._parts(expr):
                self.check(part, inside if more is None else Both(inside, more))
            return
        for part in (*children(expr), *bound(expr)[1]):
            self.check(part, inside)

    def _parts(self, expr: Expr) -> Iterator[tuple[Expr, Formula | None]]:
        """The parts of a call, each with what holds where it counts. An error beside a false `&&` is none in CEL."""
        args = expr.call.args
        if expr.call.function in ("_&&_", "_||_"):
            for part, other in ((args[0], args[1]), (args[1], args[0])):
                says = self._formulas.formula(other)
                yield part, says if expr.call.function == "_&&_" else Not(says)
        elif expr.call.function == "_?_:_":
            condition = self._formulas.formula(args[0])
            yield from ((args[0], None), (args[1], condition), (args[2], Not(condition)))
        else:
            yield from ((part, None) for part in children(expr))

    def _call(self, expr: Expr, inside: Formula) -> None:
        name, args = expr.call.function, expr.call.args
        if name == "_[_]":
            self._element(expr, args[0], args[1], inside)
        elif name in ("_/_", "_%_"):
            self._division(expr, args[1], inside)
        elif name in READ and len(args) == 1 and not expr.call.HasField("target"):
            self._reading(expr, name, args[0], inside)

    def _element(self, expr: Expr, owner: Expr, key: Expr, inside: Formula) -> None:
        shape = self._inference.types.shape(self._tree.type_of(owner))
        shown = shown_of(owner)
        if shape.kind is Kind.LIST:
            if is_constant(key) and isinstance(index := constant_of(key), int):
                if index < self._least(owner, inside, index):
                    return
                ask = f"`{shown}.size() > {index}`"
            else:
                index, ask = shown_of(key), f"`{shown_of(key)} < {shown}.size()`"
                if self._holds(Atom(f"_<_({text_of(key)}, size({text_of(owner)}))"), inside):
                    return
            text = f"`{shown}` may have no element {index}: ask {ask} first"
            self._tell(expr, text, f"`{shown}[?{index}].orValue(…)`")
        elif shape.kind is Kind.MAP and not self._has_key(owner, key, inside):
            if is_constant(key) and owner.WhichOneof("kind") != "struct":
                return  # it is `trigger.raw.city`, written otherwise: what a map holds is not known
            one = shown_of(key)
            self._tell(
                expr, f"`{shown}` may have no {one}: ask `{one} in {shown}` first", f"`{shown}[?{one}].orValue(…)`"
            )

    def _least(self, owner: Expr, inside: Formula, index: int) -> int:
        """How many elements there are at least."""
        if owner.WhichOneof("kind") == "list":
            return len(owner.list.elements) - len(owner.list.optional_indices)
        if owner.WhichOneof("kind") == "call" and owner.call.function == "split" and index == 0:
            return 1
        sized = Compare(f"size({text_of(owner)})", ">", index, INT, 0)
        asked = self._holds(sized, inside) or self._asked(f"has(_[_]({text_of(owner)}, int64:{index})", inside)
        return index + 1 if asked else 0

    def _has_key(self, owner: Expr, key: Expr, inside: Formula) -> bool:
        if owner.WhichOneof("kind") == "struct":
            keys = [entry.map_key for entry in owner.struct.entries if not entry.optional_entry]
            there = {constant_of(each) for each in keys if is_constant(each)}
            values = {constant_of(key)} if is_constant(key) else set(self._inference.written(key).values)
            if values and values <= there:
                return True
        if is_constant(key) and self._holds(Atom(f"has({text_of(owner)}.{constant_of(key)})"), inside):
            return True
        return self._holds(Atom(f"@in({text_of(key)}, {text_of(owner)})"), inside)

    def _division(self, expr: Expr, divisor: Expr, inside: Formula) -> None:
        if is_constant(divisor):
            if not constant_of(divisor):
                self._report(self._tree.location(divisor), FaultCode.EXPRESSION_INVALID, "nothing is divided by 0")
            return
        shape = self._inference.shape(divisor)
        if shape.kind not in (Kind.INT, Kind.NUMBER):
            return
        least = 0 if divisor.WhichOneof("kind") == "call" and divisor.call.function == "size" else None
        if not self._holds(Not(Compare(text_of(divisor), "==", 0, shape, least)), inside):
            shown = shown_of(divisor)
            self._tell(expr, f"`{shown}` can be 0: ask `{shown} != 0` first", f"`{shown} == 0 ? … : …`")

    def _reading(self, expr: Expr, name: str, text: Expr, inside: Formula) -> None:
        shape = self._inference.written(text)
        if is_constant(text) and name in PROVED:
            return
        if shape.kind is not Kind.TEXT or (name == "timestamp" and shape.refined == "timestamp"):
            return
        if name in NUMBERS and shape.refined == "digits" and not shape.unless:
            return
        if shape.values:
            wrong = next((value for value in shape.values if not _readable(name, value)), None)
            if wrong is not None:
                text_ = f"`{name}` cannot read {wrong!r}"
                self._report(self._tree.location(text), FaultCode.EXPRESSION_INVALID, text_)
            return
        if self._asked(f"matches({text_of(text)}, ", inside):
            return
        shown = shown_of(text)
        how = f"read it by the tool `{READ[name]}`, which says so"
        self._tell(expr, f"`{shown}` can be a text that `{name}` cannot read: {how}")

    def _asked(self, begins: str, inside: Formula) -> bool:
        """Whether a condition whose text begins so is known to be true."""
        conditions = [inside, *(truth.formula for truth in self._truths)]
        asked = {atom for each in conditions for atom in _atoms(each) if atom.key.startswith(begins)}
        return any(self._holds(atom, inside) for atom in asked)

    def _holds(self, formula: Formula, inside: Formula) -> bool:
        before = [replace(truth, formula=Both(truth.formula, inside)) for truth in self._truths]
        found = verdict(formula, [*before, Truth(inside, 0, NOTHING)])
        return found is not None and found.value

    def _tell(self, expr: Expr, text: str, default: str = "") -> None:
        more = f", or give a default: {default}" if default else ""
        self._report(self._tree.location(expr), FaultCode.FIELD_MAY_BE_ABSENT, text + more)


def _asked_of(expr: Expr) -> Expr:
    """What `has()` or `.?` reads of: fields and elements on the way may be absent, too."""
    while True:
        if expr.WhichOneof("kind") == "select" and not expr.select.test_only:
            expr = expr.select.operand
        elif expr.WhichOneof("kind") == "call" and expr.call.function == "_[_]" and is_constant(expr.call.args[1]):
            expr = expr.call.args[0]
        else:
            return expr


def shown_of(expr: Expr) -> str:
    """A part as it was written, or nearly."""
    kind = expr.WhichOneof("kind")
    if kind == "ident":
        return str(expr.ident.name)
    if kind == "constant":
        return repr(constant_of(expr)).replace("'", '"')
    if kind == "select":
        return f"{shown_of(expr.select.operand)}.{expr.select.field}"
    if kind == "call" and expr.call.HasField("target"):
        return f"{shown_of(expr.call.target)}.{expr.call.function}({', '.join(map(shown_of, expr.call.args))})"
    if kind == "call" and expr.call.function.isidentifier():
        return f"{expr.call.function}({', '.join(map(shown_of, expr.call.args))})"
    return "…"


def _readable(name: str, text: str) -> bool:
    try:
        evaluate(compiled(_TRIES, f"{name}(x)"), {"x": text})
    except EvaluationError:
        return False
    return True


def _atoms(formula: Formula) -> Iterator[Atom]:
    if isinstance(formula, Atom):
        yield formula
    elif isinstance(formula, Not):
        yield from _atoms(formula.part)
    elif isinstance(formula, Both):
        yield from _atoms(formula.left)
        yield from _atoms(formula.right)
