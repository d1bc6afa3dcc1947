"""What actions set and make in the systems that they call: by this, what we caused ourselves is recognised.

A row an action: it is declared there (`writes=Sets(…)`), and `make schemas` writes all of them into writes.json, as who
reads them may not import the actions. `http.request` can set anything: there the flow says it, with `writes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Sets:
    """One action: the system, which inputs name the entity, which are fields, which hold more fields.

    `adds`, `removes`: field whose value is a list → the input that is one of its members. `makes`: the trigger by which
    the system tells that the entity is new, where the call can make it; `made`: the output that is its id then.
    """

    system: str
    entity: Mapping[str, str]
    fields: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    adds: Mapping[str, str] = field(default_factory=dict)
    removes: Mapping[str, str] = field(default_factory=dict)
    makes: str | None = None
    made: str = ""


def _row(row: Mapping[str, Any]) -> Sets:
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Sets(**plain)


_TEXT = (Path(__file__).parent / "writes.json").read_text(encoding="utf-8")
SETS: Mapping[str, Sets] = {action: _row(row) for action, row in json.loads(_TEXT).items()}
"""By action."""
TELL_OF_NEW: Mapping[str, str] = {sets.makes: sets.system for sets in SETS.values() if sets.makes is not None}
"""The triggers by which systems tell of what our calls made, with their system."""
