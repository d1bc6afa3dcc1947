"""What a run tells of its way: the steps that it does, and the ways that it takes at each, by name."""

from __future__ import annotations

from collections.abc import Callable

WHEN = "when"
TRUE, FALSE = "true", "false"

Trace = Callable[[str, str], object]
"""Told of each step that is begun (its path, ""), and of each way that is taken there (its path, the way)."""


def untraced(_path: str, _way: str) -> None:
    """The trace of those who do not want to know."""
