"""Fields of another type than a schema says: kept under `raw` by their pointers, instead of refusing the whole body.

Of a text that is only too long, what fits stays.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from contracts.texts import cut
from contracts.triggers.payload import TOO_LONG
from services.flows.fitting import at_path
from services.runtime.documents import json_schema

RAW = "raw"
MOST_ROUNDS = 50
MOST_AT_ONCE = 50
KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FieldAside:
    """Where it stood, and what it is instead."""

    path: Path
    came_as: str


def kind_of(value: object) -> str:
    """A JSON value's type, as people read it."""
    return next((name for kind, name in KINDS if isinstance(value, kind)), "null")


def pointer_of(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def set_aside(
    validator: jsonschema_rs.Validator, body: dict[str, Any]
) -> tuple[dict[str, Any], tuple[FieldAside, ...]] | None:
    """A copy without the wrong values, which stand under `raw`, and which these are.

    Of a list an item becomes null, so that none moves; where it cannot be, the whole list is set aside. Of very many
    wrong values the field at the top goes that they stand in. None where that does not make it right: what is required
    is not there.
    """
    made = copy.deepcopy(body)
    taken: dict[Path, Any] = {}
    for _ in range(MOST_ROUNDS):
        before = set(taken)
        for wrong in json_schema.mismatches(validator, made, MOST_AT_ONCE):
            if wrong.most is None or not _cut(made, wrong.path, wrong.most, taken):
                _take_out(made, wrong.path, taken)
        if taken.keys() == before or validator.is_valid(made):
            break
    else:
        while wrong_at_top := {one.path[:1] for one in json_schema.mismatches(validator, made, MOST_AT_ONCE)} - {()}:
            for path in wrong_at_top:
                _take_out(made, path, taken)
    if not validator.is_valid(made):
        return None
    raw = {pointer_of(path): value for path, value in taken.items()}
    theirs = made.get(RAW)
    aside = tuple(
        FieldAside(path, TOO_LONG if isinstance(at_path(made, path), str) else kind_of(value))
        for path, value in taken.items()
    )
    return {**made, RAW: {**theirs, **raw} if isinstance(theirs, dict) else raw}, aside


def restored(body: dict[str, Any]) -> dict[str, Any]:
    """What was sent, of a body from which fields were set aside."""
    raw = body.get(RAW)
    aside = {name: value for name, value in raw.items() if name.startswith("/")} if isinstance(raw, dict) else {}
    if not isinstance(raw, dict) or not aside:
        return body
    made: dict[str, Any] = copy.deepcopy({name: value for name, value in body.items() if name != RAW})
    for pointer, value in sorted(aside.items()):
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        parent: Any = made
        for part in way:
            parent = parent[int(part)] if isinstance(parent, list) else parent.get(part, {})
        if isinstance(parent, list):
            parent[int(last)] = value
        elif isinstance(parent, dict):
            parent[last] = value
    theirs = {name: value for name, value in raw.items() if name not in aside}
    return {**made, RAW: theirs} if theirs else made


def _cut(made: dict[str, Any], path: Sequence[str | int], most: int, taken: dict[Path, Any]) -> bool:
    """Leave of a text what fits. False: nothing does, or something that it stood in was taken out."""
    path = tuple(path)
    text = at_path(made, path)
    if not isinstance(text, str) or not path or most < 1:
        return False
    taken[path] = text
    at_path(made, path[:-1])[path[-1]] = cut(text, most)
    return True


def _take_out(made: dict[str, Any], path: Sequence[str | int], taken: dict[Path, Any]) -> None:
    """One value, if it is still there: a fault above it may have been met before."""
    if not path:
        return
    path = tuple(path)
    parent, last = at_path(made, path[:-1]), path[-1]
    if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        if parent[last] is None:
            _take_out(made, path[:-1], taken)
        else:
            taken.setdefault(path, parent[last])
            parent[last] = None
    elif isinstance(parent, dict) and last in parent:
        value = parent.pop(str(last))
        inner = [one for one in taken if len(one) > len(path) and one[: len(path)] == path]
        for one in inner:  # back to where they were
            below = at_path(value, one[len(path) : -1])
            below[one[-1]] = taken.pop(one)
        taken.setdefault(path, value)
