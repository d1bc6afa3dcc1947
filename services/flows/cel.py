"""CEL environments of the flow language (cel-expr-python 0.1.3), and values on their way out of it.

Facts about the binding, each tried:
- A failed evaluation is a value of type ERROR, not an exception; over the iteration budget it raises RuntimeError.
- The budget (10,000 iterations), RE2 and a recursion limit of 32 end every expression.
- Variables are converted whole, so a variable is bound with no more than the fields that are read.
- `plain_value()` takes a reference from None without having one: a few thousand nulls end the process
  ("deallocating None"). So no null is ever taken out of it: see `plain`.
- The order of a map's keys is random: see `plain`.
- `plain_value()` raises TypeError for optionals: an optional is evaluated as a list, `[?x]`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

from contracts.texts import one_text
from services.flows.null_rule import with_nulls_absent


def _changed(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: one_text(change(one_text(text)))


_CASES = [
    cel.FunctionDecl(
        name,
        [cel.Overload(f"string_{name}", cel.Type.STRING, [cel.Type.STRING], is_member=True, impl=_changed(change))],
    )
    for name, change in (("lower", str.lower), ("upper", str.upper))
]
"""`name.lower()` and `name.upper()` for every alphabet; those of the strings extension change A to Z only."""

_NUMBERS = ((cel.Type.DOUBLE, cel.Type.INT), (cel.Type.INT, cel.Type.DOUBLE))
_ARITHMETIC = (("add", "_+_", operator.add), ("subtract", "_-_", operator.sub), ("multiply", "_*_", operator.mul))
_ROUNDED = ("ceil", "floor", "round", "trunc")


def _mixed(name: str, function: str, result: Any, work: Callable[..., Any] | None = None, first: Any = None) -> Any:  # noqa: ANN401 - the binding is untyped
    """A function of CEL for a whole number beside one that is not, in either order. Without `work`: for the checker."""
    before = [] if first is None else [first]
    return cel.FunctionDecl(
        function,
        [
            cel.Overload(f"{name}_{one.name()}_{other.name()}".lower(), result, [*before, one, other], impl=work)
            for one, other in _NUMBERS
        ],
    )


def _divided(one: float, other: float) -> float:
    if not other:
        raise ValueError("divide by zero")
    return one / other


_MIXED = [
    *(_mixed(name, sign, cel.Type.DOUBLE, work) for name, sign, work in _ARITHMETIC),
    _mixed("divide", "_/_", cel.Type.DOUBLE, _divided),
    *(
        cel.FunctionDecl(
            f"math.{name}", [cel.Overload(f"math_{name}_whole", cel.Type.DOUBLE, [cel.Type.INT], impl=float)]
        )
        for name in _ROUNDED
    ),
]
"""JSON has one kind of number: 20 and 20.5 come in the same field, and whoever writes 2 does not mean an error."""

_COMPARISONS = (("less", "_<_"), ("less_equals", "_<=_"), ("greater", "_>_"), ("greater_equals", "_>=_"))
_CHECKED = [
    *(_mixed(name, sign, cel.Type.BOOL) for name, sign in (*_COMPARISONS, ("equals", "_==_"), ("differs", "_!=_"))),
    cel.FunctionDecl(
        "@in",
        [
            cel.Overload(f"in_{one.name()}_{other.name()}".lower(), cel.Type.BOOL, [one, cel.Type.List(other)])
            for one, other in _NUMBERS
        ],
    ),
    _mixed("either", "_?_:_", cel.Type.DOUBLE, first=cel.Type.BOOL),
]
"""What evaluation does with numbers of both kinds already, and CEL's checker refuses. An environment with these cannot
evaluate: each would be there twice."""

_EXTENSIONS = [
    ext_strings.ExtStrings(),
    ext_optional.ExtOptional(),
    ext_math.ExtMath(),
    ext_bindings.ExtBindings(),
    ext_encoders.ExtEncoders(),
    cel.CelExtension("cases", _CASES),
    cel.CelExtension("numbers", _MIXED),
]
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")
_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")


class EvaluationError(Exception):
    """An expression could not be evaluated with this event. The text is for the flow's author."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What CEL says of an expression, and where in it (from 1)."""

    line: int
    col: int
    text: str


class ExpressionError(ValueError):
    """The expression is not CEL, or its types do not fit."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("; ".join(each.text for each in complaints))
        self.complaints = complaints


def typed(variables: Mapping[str, Any], pool: Any) -> Any:  # noqa: ANN401 - the binding is untyped
    """An environment for the checker, in which these variables (name → `cel.Type`) are known. It cannot evaluate."""
    return cel.NewEnv(pool, variables=dict(variables), extensions=[*_EXTENSIONS, cel.CelExtension("checked", _CHECKED)])


class Untyped:
    """An environment for evaluation: plain dicts go in, so every variable is dynamic."""

    def __init__(self, names: Collection[str]) -> None:
        dynamic = dict.fromkeys(names, cel.Type.DYN)
        self._checks = typed(dynamic, None)
        self._evaluates = cel.NewEnv(None, variables=dynamic, extensions=_EXTENSIONS)

    def compile(self, source: str) -> Any:  # noqa: ANN401
        """Raises ExpressionError, and nothing else, for any text."""
        tree = Source(source).compiled(self._checks).serialize()
        try:
            return self._evaluates.deserialize(with_nulls_absent(source, tree))
        except RuntimeError as error:
            raise ExpressionError([Complaint(1, 1, str(error).splitlines()[0])]) from None


def untyped(names: frozenset[str]) -> Untyped:
    """An environment for evaluation, in which these names are known."""
    return Untyped(names)


def compiled(env: Untyped, source: str) -> Any:  # noqa: ANN401
    """The compiled expression. Raises ExpressionError, and nothing else, for any text."""
    return env.compile(source)


class Source:
    """The text of an expression for CEL's checker: `.orValue(0)` of a number is `.orValue(0.0)` there.

    CEL knows no default of another kind of number, and evaluation does not mind.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._changed: list[tuple[int, int]] = []

    def compiled(self, environment: Any) -> Any:  # noqa: ANN401 - the binding is untyped
        """The expression, compiled there. Raises ExpressionError, and nothing else, for any text."""
        while True:
            try:
                return environment.compile(self.text)
            except RuntimeError as error:
                complaints = _complaints(str(error))
                if not any(self._change(each) for each in complaints if each.text == _WHOLE_DEFAULT):
                    raise ExpressionError(complaints) from None
            except (TypeError, ValueError) as error:
                # Half of a surrogate pair: no UTF-8 text, so the binding does not take it.
                raise ExpressionError([Complaint(1, 1, f"not a text: {str(error).splitlines()[0]}")]) from None

    def written(self, line: int, col: int) -> tuple[int, int]:
        """Where this place is in the text that was written."""
        return line, col - sum(len(_FRACTION) for at, after in self._changed if at == line and after < col)

    def _change(self, complaint: Complaint) -> bool:
        lines = self.text.split("\n")
        if len(lines) < complaint.line:
            return False
        line = lines[complaint.line - 1]
        found = _WHOLE.match(line, complaint.col - 1)
        if found is None:
            return False
        lines[complaint.line - 1] = line[: found.end()] + _FRACTION + line[found.end() :]
        self.text = "\n".join(lines)
        self._changed.append((complaint.line, found.end()))
        return True


_WHOLE_DEFAULT = "found no matching overload for 'orValue' applied to '(optional_type(double), int)'"
_WHOLE = re.compile(r"\(\s*-?[0-9]+(?=\s*\))")
_FRACTION = ".0"


def _complaints(message: str) -> list[Complaint]:
    found = [
        Complaint(int(line), int(col), _STATUS.sub("", text.strip())) for line, col, text in _ERROR.findall(message)
    ]
    # A part that failed is of type *error*; what follows from that tells nothing new.
    real = [each for each in found if "*error*" not in each.text and "parsetree" not in each.text]
    plain = _STATUS.sub("", message.splitlines()[0])
    return list(dict.fromkeys(real or found)) or [Complaint(1, 1, plain)]


MOST_BUILT = 2000
"""Items that `map` and `filter` make lists of: 9,000 took five seconds and a gigabyte, as each makes the list anew."""
_BUILDS = re.compile(r"\.\s*(?:map|filter)\s*\(")
_SPLITS = re.compile(r"""\.\s*split\s*\(\s*(?:"([^"\\]*)"|'([^'\\]*)')?""")


def bound(source: str) -> Callable[[Any], None] | None:
    """What refuses values of which an expression would make too long a list; None for one that makes none.

    The function raises EvaluationError for a list of more than 2,000 items, or a text that `split` may make one of.
    """
    if not _BUILDS.search(source):
        return None
    separators = [double or single for double, single in _SPLITS.findall(source)]

    def refuse(value: Any) -> None:  # noqa: ANN401 - a JSON value
        level = [value]
        while level:
            one = level.pop()
            if isinstance(one, list | dict):
                if isinstance(one, list):
                    _refuse_long(len(one))
                level.extend(one.values() if isinstance(one, dict) else one)
            elif isinstance(one, str) and separators and len(one) > MOST_BUILT:
                _refuse_long(max(one.count(each) + 1 if each else len(one) for each in separators))

    return refuse


def _refuse_long(length: int) -> None:
    if length > MOST_BUILT:
        raise EvaluationError(
            f"`map` and `filter` take lists of up to {MOST_BUILT:,} items, this has {length:,}: the tools `list.map` "
            "and `list.filter` take more"
        )


def evaluate(expression: Any, data: dict[str, Any]) -> Any:  # noqa: ANN401
    """The value, as JSON knows it. Raises EvaluationError."""
    try:
        result = expression.eval(data=data)
        return plain(result)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise EvaluationError(" ".join(str(error).splitlines()[:1])) from None


def plain(result: Any) -> Any:  # noqa: ANN401
    """A `cel.Value` as JSON knows it: times in RFC 3339, durations in seconds (`90s`), keys of maps in order.

    Raises EvaluationError for errors and for what JSON has no form for.
    """
    kind = result.type().name()
    if kind in _SIMPLE:
        return result.plain_value()
    if kind == "NULL":
        return None
    if kind.startswith("LIST"):
        return [plain(item) for item in result.value()]
    if kind.startswith("MAP"):
        items = {str(key): plain(item) for key, item in result.value().items()}
        return dict(sorted(items.items()))
    if kind == "TIMESTAMP":
        moment: datetime = result.plain_value()
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if kind == "DURATION":
        length: timedelta = result.plain_value()
        return f"{length.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if kind == "ERROR":
        raise EvaluationError(_failure(str(result.plain_value())))
    raise EvaluationError(f"a value of type {kind} cannot be used: JSON has no form for it")


_SIMPLE = frozenset({"STRING", "BOOL", "INT", "UINT", "DOUBLE"})


def _failure(text: str) -> str:
    text = re.sub(r"^[A-Z_]+: ", "", text)
    if (key := re.match(r'Key not found in map : "(.*)"', text)) is not None:
        return f"there is no {key[1]!r} here"
    return text
