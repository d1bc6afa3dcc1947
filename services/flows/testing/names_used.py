"""Which names a flow's expressions may use: an answer for a step that nobody uses needs not be made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from services.flows.flow import Flow
from services.flows.syntax import Expression

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names_used(flow: Flow) -> frozenset[str]:
    """Every word of every expression: the names of steps are among them."""
    return frozenset(word for expression in _expressions(flow) for word in _NAME.findall(expression.source))


def _expressions(node: object) -> Iterator[Expression]:
    if isinstance(node, Expression):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _expressions(item)
    elif is_dataclass(node):
        for field in fields(node):
            yield from _expressions(getattr(node, field.name))
