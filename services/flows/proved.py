"""Values that stand in a flow and can never work: `Proved` in a field's type says what is tried before the first run.

When the step runs, the tool itself says it: what comes with an event is not tried here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Proved:
    """`check` raises ValueError or ToolError for a value that cannot work. Text: for the flow's author."""

    check: Callable[[Any], object]


def proofs(field: FieldInfo) -> Iterator[Proved]:
    """Those of a field, also of an optional one; not those of a list's items."""
    yield from (each for each in field.metadata if isinstance(each, Proved))
    for option in (field.annotation, *get_args(field.annotation)):
        yield from (each for each in getattr(option, "__metadata__", ()) if isinstance(each, Proved))
