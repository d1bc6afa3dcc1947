"""Values of a flow, as their author would read them aloud."""

from __future__ import annotations

from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value

LONGEST_VALUE = 70


def said(value: Value) -> str:
    """A value, cut where it is long."""
    text = " ".join(_written(value).split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def bare(value: Value) -> str:
    """A condition, without the `${ }` around it."""
    return " ".join(value.source.split()) if isinstance(value, Expression) else said(value)


def pairs(values: MapOf) -> tuple[str, ...]:
    """Values with their names, a line each."""
    return tuple(f"{word.text}: {said(value)}" for word, value in values.items)


def _written(value: Value) -> str:
    if isinstance(value, Constant):
        if isinstance(value.value, bool):
            return str(value.value).lower()
        return "null" if value.value is None else str(value.value)
    if isinstance(value, Expression):
        return f"${{ {value.source} }}"
    if isinstance(value, Template):
        return "".join(part if isinstance(part, str) else f"${{ {part.source} }}" for part in value.parts)
    if isinstance(value, ListOf):
        return f"[{', '.join(map(_written, value.items))}]"
    return f"{{ {', '.join(f'{word.text}: {_written(each)}' for word, each in value.items)} }}"
