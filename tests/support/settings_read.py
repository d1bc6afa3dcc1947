"""Which settings a program reads: by its text, as `settings.batch_size` of what is called settings or loaded there."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def unread(fields: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of the fields that none of these programs reads."""
    read = {name for text in texts for node in ast.walk(ast.parse(text)) if (name := _read(node)) is not None}
    return [field for field in fields if field not in read]


def _read(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Attribute):
        return None
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return node.attr if name.endswith(("settings", "loaded")) else None
