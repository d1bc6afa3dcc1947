"""Checks one expression: is it CEL, do its types fit, is all there that it reads. Gives its shape and its facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.flows.cel import Complaint, EvaluationError, ExpressionError, Source, compiled, evaluate, untyped
from services.flows.cel_tree import OPTIONAL_SELECT, DepthError, Expr, Tree, bound, children, used_fields
from services.flows.check_comparisons import Comparisons
from services.flows.check_guards import Guards
from services.flows.formulas import FormulaBuilder, text_of
from services.flows.infer_shapes import Inference
from services.flows.logic import UNSURE, Atom, Compare, Fixed, Formula, Not
from services.flows.names import CALLS
from services.flows.other_words import function, in_expression, nothing
from services.flows.parse_values import LONGEST_EXPRESSION
from services.flows.presence import NOTHING, Facts, Names, Presence, PresenceState
from services.flows.shapes import ANY, BOOL, Shape
from services.flows.syntax import Expression
from services.flows.types import PACKAGE, TypedEnvironments
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Plain

Report = Callable[[Location, FaultCode, str], None]


@dataclass(frozen=True, slots=True)
class ExpressionFacts:
    """What is known of an expression: what it gives, and what follows when it is true or false."""

    shape: Shape
    true: Facts = NOTHING
    false: Facts = NOTHING
    formula: Formula = UNSURE
    text: str = ""
    roots: frozenset[str] = frozenset()
    there: Formula = UNSURE
    """Of an optional: when it has a value."""


UNKNOWN = ExpressionFacts(ANY)


def equals(judgement: ExpressionFacts, value: Plain) -> Formula:
    """That what was judged is equal to a value."""
    if judgement.shape == BOOL and isinstance(value, bool):
        return judgement.formula if value else Not(judgement.formula)
    return Compare(judgement.text, "==", value, judgement.shape) if judgement.roots else UNSURE


def check_expression(
    expression: Expression,
    types: TypedEnvironments,
    variables: Mapping[str, Shape],
    names: Names,
    state: PresenceState,
    *,
    report: Report,
) -> ExpressionFacts:
    """Report every fault of an expression, and say what is known of it."""
    if not 0 < len(expression.source) <= LONGEST_EXPRESSION:
        return UNKNOWN  # reported where it was read
    read = Source(expression.source)
    try:
        made = read.compiled(types.environment(variables))
    except ExpressionError as error:
        if (other := in_expression(expression.source)) is not None:
            before = expression.source[: other[0]]
            at = expression.origin.at(before.count("\n") + 1, other[0] - before.rfind("\n"))
            report(at, FaultCode.EXPRESSION_INVALID, f"not an expression: {other[1]}")
            return UNKNOWN
        for complaint in error.complaints:
            code, text, shift = _explained(complaint, types, variables, read.text)
            report(expression.origin.at(*read.written(complaint.line, complaint.col + shift)), code, text)
        return UNKNOWN

    def report_at(at: tuple[int, int], code: FaultCode, text: str) -> None:
        report(expression.origin.at(*read.written(*at)), code, text)

    try:
        tree = Tree(made.serialize())
    except DepthError as error:
        report(expression.location, FaultCode.EXPRESSION_INVALID, str(error))
        return UNKNOWN
    presence = Presence(tree, types, names, state, report_at)
    true, false = presence.facts()
    inference = Inference(tree, types, variables, presence.unasked, presence.filled)
    comparisons = Comparisons(tree, inference, report_at)
    for part in _parts(tree.root):
        _constant_arguments(part, tree, report_at)
        comparisons.check(part)
    shape = inference.shape(tree.root)
    roots = frozenset(used_fields(tree.root))
    formulas = FormulaBuilder(tree, inference, presence.certain)
    Guards(tree, inference, formulas, state.truths, report_at).check(tree.root)
    formula = formulas.formula(tree.root) if shape == BOOL else UNSURE
    if shape == BOOL and not roots and not any(part.struct.message_name for part in _parts(tree.root)):
        formula = _evaluated(expression.source)
    return ExpressionFacts(shape, true, false, formula, text_of(tree.root), roots, _there(tree.root))


def _there(root: Expr) -> Formula:
    """When `a.?b` has a value; of other optionals nobody knows."""
    if root.WhichOneof("kind") != "call" or root.call.function != OPTIONAL_SELECT:
        return UNSURE
    owner, name = root.call.args
    return Atom(f"has({text_of(owner)}.{name.constant.string})")


def _evaluated(source: str) -> Formula:
    """What a condition without any name in it is."""
    try:
        return Fixed(bool(evaluate(compiled(_PROVING, source), {})))
    except EvaluationError:
        return UNSURE


_FIELD_UNKNOWN = re.compile(r"undefined field '(.+)' not found in struct '(.+)'")
_NAME_UNKNOWN = re.compile(r"undeclared reference to '(.+)' \(in container")
_NO_OVERLOAD = re.compile(r"found no matching overload for '(.+)' applied to '(.*)'")
_CEL_TYPES = {
    "string": "text",
    "int": "whole number",
    "uint": "whole number",
    "double": "number",
    "bool": "true/false",
    "dyn": "any value",
}


def _explained(
    complaint: Complaint, types: TypedEnvironments, variables: Mapping[str, Shape], source: str
) -> tuple[FaultCode, str, int]:
    """CEL's complaint in the words of a flow's author, and how many characters further right it belongs."""
    text = complaint.text
    if (field := _FIELD_UNKNOWN.fullmatch(text)) is not None:
        thing = types.shapes.objects.get(field[2].removeprefix(PACKAGE))
        if thing is None:
            return FaultCode.FIELD_UNKNOWN, text, 0
        line = [*source.split("\n"), ""][complaint.line - 1]
        shift = 1 if line[complaint.col - 1 : complaint.col] == "." else 0
        remedy = suggestion(field[1], thing.fields)
        return FaultCode.FIELD_UNKNOWN, f"{thing.what} has no field {field[1]!r}: {remedy}", shift
    if (name := _NAME_UNKNOWN.match(text)) is not None:
        root = name[1].split(".")[0]
        # CEL points at the dot or the bracket after a name.
        line = [*source.split("\n"), ""][complaint.line - 1]
        shift = -len(root) if line[: complaint.col - 1].endswith(root) else 0
        called = line[complaint.col - 1 + (0 if shift else len(root)) :].lstrip().startswith("(")
        if called and (meant := function(root)) is not None:
            return FaultCode.NAME_UNKNOWN, f"no function {root!r} is known here: write {meant}", shift
        if called and root in CALLS:
            return FaultCode.EXPRESSION_TYPE, f"`{root}` does not go with what it is called with here", shift
        what, known = ("function", CALLS) if called else ("name", frozenset(variables))
        return FaultCode.NAME_UNKNOWN, f"no {what} {root!r} is known here: {suggestion(root, known)}", shift
    if "operand of a select operation" in text and (meant := _field_of(complaint, source)) is not None:
        return FaultCode.EXPRESSION_TYPE, meant, 0
    if (call := _NO_OVERLOAD.match(text)) is not None:
        return FaultCode.EXPRESSION_TYPE, _overload(call[1], call[2], types), 0
    if text.startswith("Syntax error"):
        return FaultCode.EXPRESSION_INVALID, f"not an expression: {_shortened(text)}", 0
    return FaultCode.EXPRESSION_INVALID, text, 0


def _field_of(complaint: Complaint, source: str) -> str | None:
    """What is written for `.length` of a text or a list."""
    line = [*source.split("\n"), ""][complaint.line - 1]
    named = _SELECTED.match(line, complaint.col - 1)
    meant = function(named[1]) if named is not None else None
    return None if named is None or meant is None else f"a text or a list has no field {named[1]!r}: write {meant}"


_SELECTED = re.compile(r"\.?\s*(\w+)")


def _shortened(text: str) -> str:
    text = text.removeprefix("Syntax error: ").replace("'<EOF>'", "its end")
    return re.sub(r" expecting \{.*\}", "", text)


def _overload(called: str, arguments: str, types: TypedEnvironments) -> str:
    def named(found: re.Match[str]) -> str:
        thing = types.shapes.objects.get(found[1])
        return thing.what if thing else "object"

    readable = re.sub(r"flows\.(t\d+)", named, arguments)
    for cel_name, ours in _CEL_TYPES.items():
        readable = re.sub(rf"\b{cel_name}\b", ours, readable)
    if called == "_||_" and arguments != "(bool, bool)":
        return (
            "`||` is for true and false. A default of what can be absent is `x.?field.orValue(…)`, of an empty text"
            ' `x == "" ? "a default" : x`'
        )
    if called in ("_==_", "_!=_") and "null" in arguments:
        return nothing("x")
    shown = {"_[_]": "[ ]", "_?_:_": "? :", "@in": "in"}.get(called, called.strip("_"))
    return f"`{shown}` does not go with {readable}: bring both to one type with string(…), int(…) or double(…)"


def _parts(expr: Expr) -> list[Expr]:
    found = [expr]
    for child in (*children(expr), *bound(expr)[1]):
        found += _parts(child)
    return found


_VERBS = re.compile(r"%(?:%|(?:\.[0-9]+)?([sdfeboxX]))|(%)")


def _wrong_format(expr: Expr) -> str | None:
    """Why a text that stands there cannot be filled with the list that stands beside it."""
    text, values = expr.call.target, expr.call.args[0]
    if text.WhichOneof("kind") != "constant" or text.constant.WhichOneof("kind") != "string":
        return None
    found = list(_VERBS.finditer(text.constant.string))
    if any(each[2] for each in found):
        return "`format` knows `%s`, `%d`, `%.2f`, `%e`, `%b`, `%o`, `%x` and `%%`: here a `%` stands for none of them"
    wanted = sum(each[1] is not None for each in found)
    if values.WhichOneof("kind") != "list" or values.list.optional_indices:
        return None
    given = len(values.list.elements)
    if wanted == given:
        return None
    return f"`format` has {wanted} places for values in its text, and {given} values are given"


ZONED = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
)
_PROVED = {"matches": FaultCode.PATTERN_INVALID, "duration": FaultCode.DURATION_INVALID}
_PROVED["timestamp"] = FaultCode.EXPRESSION_INVALID
_PROVED |= dict.fromkeys(ZONED, FaultCode.EXPRESSION_INVALID)
_FORMS = {
    "duration": 'no duration: here it has the units h, m, s and ms, such as "48h" or "1h30m"',
    "timestamp": 'no time: write it like "2026-05-31T14:30:00Z"',
}
_FORMS |= dict.fromkeys(ZONED, 'no time zone: write a name such as "Europe/Lisbon" or "UTC"')


def _constant_arguments(expr: Expr, tree: Tree, report: Callable[[tuple[int, int], FaultCode, str], None]) -> None:
    """A pattern, duration or time that stands in the expression is tried now, not when the first event comes."""
    kind = expr.WhichOneof("kind")
    if kind == "struct" and expr.struct.message_name:
        report(tree.location(expr), FaultCode.EXPRESSION_INVALID, 'an object is written as a map: {"name": value}')
    if kind == "call" and expr.call.function == "format" and (wrong := _wrong_format(expr)) is not None:
        report(tree.location(expr.call.target), FaultCode.EXPRESSION_INVALID, wrong)
    if kind != "call" or expr.call.function not in _PROVED or not expr.call.args:
        return
    argument = expr.call.args[-1]
    if argument.WhichOneof("kind") != "constant" or argument.constant.WhichOneof("kind") != "string":
        return
    function = expr.call.function
    tried = {"matches": '"".matches(x)'}.get(function, f"{function}(x)")
    if function in ZONED:
        tried = f'timestamp("2026-05-31T14:30:00Z").{function}(x)'
    try:
        evaluate(compiled(_PROVING, tried), {"x": argument.constant.string})
    except EvaluationError as error:
        report(tree.location(argument), _PROVED[function], f"`{function}`: {_FORMS.get(function) or error}")


_PROVING = untyped(frozenset({"x"}))
