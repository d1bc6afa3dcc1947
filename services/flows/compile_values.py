"""Values of a flow, compiled: constants stay, paths are looked up, expressions are evaluated, texts are put together.

A compiled value is a function of a Scope. It raises EvaluationError and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from services.flows.cel import EvaluationError, bound, compiled, evaluate
from services.flows.cel_tree import Tree, path_of, used_fields
from services.flows.literals import is_literal, plain_of
from services.flows.scope import Scope
from services.flows.syntax import Expression, ListOf, MapOf, Template, Value

Compiled = Callable[[Scope], Any]


class _Absent:
    """The value of an optional that has none: its key, or its place in a list, is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def compile_value(value: Value, env: Any) -> Compiled:  # noqa: ANN401 - the binding is untyped
    """A function that gives the value. Raises ExpressionError for what the checker would have refused."""
    if is_literal(value):
        constant = plain_of(value)  # one for all runs: whoever gets it does not change it
        return lambda _: constant
    if isinstance(value, Expression):
        return compile_expression(value, env)
    if isinstance(value, Template):
        return _text(value, env)
    if isinstance(value, ListOf):
        items = [compile_value(item, env) for item in value.items]
        return lambda scope: [made for item in items if (made := item(scope)) is not ABSENT]
    assert isinstance(value, MapOf)  # noqa: S101 - the last kind: tells the type checker
    return compile_map(value, env)


def compile_map(value: MapOf, env: Any) -> Callable[[Scope], dict[str, Any]]:  # noqa: ANN401
    """A function that gives the map. Keys whose value is an empty optional are left out."""
    constants = {word.text: plain_of(item) for word, item in value.items if is_literal(item)}
    rest = [(word.text, compile_value(item, env)) for word, item in value.items if not is_literal(item)]

    def render(scope: Scope) -> dict[str, Any]:
        made = constants.copy()
        for name, item in rest:
            if (found := item(scope)) is not ABSENT:
                made[name] = found
        return made

    return render


def compile_expression(expression: Expression, env: Any) -> Compiled:  # noqa: ANN401
    """A function that evaluates an expression. A plain path such as `trigger.contact.name` is looked up without CEL."""
    made = compiled(env, expression.source)
    tree = Tree(made.serialize())
    if (path := path_of(tree.root)) is not None:
        return _lookup(path)
    uses = [(root, None if names is None else tuple(sorted(names))) for root, names in used_fields(tree.root).items()]
    refuse = bound(expression.source)

    def bindings(scope: Scope) -> dict[str, Any]:
        data = _bindings(scope, uses)
        if refuse is not None:
            refuse(data)
        return data

    if made.return_type().name().startswith("optional_type"):
        inner = compiled(env, f"[?({expression.source}\n)]")

        def optional(scope: Scope) -> Any:  # noqa: ANN401
            found = evaluate(inner, bindings(scope))
            return found[0] if found else ABSENT

        return optional
    return lambda scope: evaluate(made, bindings(scope))


def _bindings(scope: Scope, uses: list[tuple[str, tuple[str, ...] | None]]) -> dict[str, Any]:
    """The variables, each with no more than the fields that are read. A null field counts as absent."""
    data: dict[str, Any] = {}
    for root, names in uses:
        value = scope.root(root)
        if names is not None and isinstance(value, dict):
            value = {name: found for name in names if (found := value.get(name)) is not None}
        data[root] = value
    return data


def _lookup(path: tuple[str, ...]) -> Compiled:
    root, *rest = path

    def look(scope: Scope) -> Any:  # noqa: ANN401
        value = scope.root(root)
        for depth, name in enumerate(rest):
            try:
                value = value[name]
            except (KeyError, TypeError, IndexError):
                raise EvaluationError(f"`{'.'.join(path)}`: there is no {name!r} here") from None
            if value is None and depth == 0:
                raise EvaluationError(f"`{'.'.join(path)}`: there is no {name!r} here")
        return value

    return look


def _text(template: Template, env: Any) -> Compiled:  # noqa: ANN401
    parts: list[str | tuple[str, Compiled]] = [
        part if isinstance(part, str) else (part.source, compile_expression(part, env)) for part in template.parts
    ]

    def render(scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else as_text(part[1](scope), part[0]) for part in parts)

    return render


def as_text(value: Any, source: str) -> str:  # noqa: ANN401 - a JSON value
    """The value in a text. Raises EvaluationError for one that no text has room for."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if value is ABSENT:
        return ""
    kind = {dict: "a map", list: "a list", type(None): "null"}.get(type(value), "a value")
    raise EvaluationError(f"`{source}` is {kind}: a text has room for texts, numbers, true and false")


def truth_of(value: Any) -> bool:  # noqa: ANN401 - a JSON value
    """What a condition gave. Raises EvaluationError for what is neither true nor false."""
    if not isinstance(value, bool):
        raise EvaluationError(f"a condition is true or false, this one gave {type(value).__name__}")
    return value


_EXACT = 2.0**53  # beyond it, a floating point number stands for several whole ones
