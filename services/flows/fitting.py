"""Values brought to the type that a JSON Schema declares, where what came says the same in another form.

A value that fits is not looked at: only what a schema finds wrong is, each by the changes that its sender's form of
writing is known for.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import jsonschema_rs

from services.runtime.documents import json_numbers, json_schema

YES, NO = frozenset({"true", "on", "yes", "1"}), frozenset({"false", "off", "no", "0"})
WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
MOST_ROUNDS = 50
MOST_AT_ONCE = 50
Change = Callable[[Any, frozenset[str]], Any]
"""From a value and the JSON types that it might be of to what it says in one of them; itself where it says nothing."""


def fitted(validator: jsonschema_rs.Validator, value: Any, changes: Sequence[Change]) -> Any:  # noqa: ANN401 - JSON
    """The value with all of these changes that its schema asks for; whether it fits then is to be seen.

    What is given is left as it was, and is given back where there is nothing to change.
    """
    made = value
    for _ in range(MOST_ROUNDS):
        changed = False
        for wrong in json_schema.mismatches(validator, made, MOST_AT_ONCE):
            if not _is_there(made, wrong.path):
                continue
            before = at_path(made, wrong.path)
            after = next((new for change in changes if (new := change(before, wrong.types)) is not before), before)
            if after is not before:
                made = copy.deepcopy(value) if made is value else made
                made = _put(made, wrong.path, after)
                changed = True
        if not changed or validator.is_valid(made):
            break
    return made


def rounded(value: Any, types: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    """A number whose digits only a text holds is a double where that is asked for: its author chose so."""
    if not isinstance(value, str) or "number" not in types or "string" in types:
        return value
    number = json_numbers.double(value)
    return value if number is None else number


def _from_text(value: Any, types: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    """A text as a number or a yes, where that is asked for. An empty one says nothing."""
    if not isinstance(value, str) or "string" in types:
        return value
    text = value.strip()
    if not text and "null" in types:
        return None
    if "integer" in types and WHOLE.fullmatch(text):
        return int(text)
    if "number" in types and DECIMAL.fullmatch(text) and isfinite(number := float(text)):
        return number
    if "boolean" in types and (said := text.lower()) in YES | NO:
        return said in YES
    return value


def _as_list(value: Any, types: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    """One box, or one element, is a list of one."""
    return value if isinstance(value, list) or "array" not in types or types & _OTHERS else [value]


_OTHERS = frozenset({"string", "object"})
BY_TEXTS: tuple[Change, ...] = (rounded, _from_text, _as_list)
"""For forms, queries and XML, whose values are texts, and where one of several is alike to one."""


def at_path(value: Any, path: Sequence[str | int]) -> Any:  # noqa: ANN401 - JSON
    """What stands there; None where nothing does."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _is_there(value: Any, path: Sequence[str | int]) -> bool:  # noqa: ANN401 - JSON
    """A change further up may have moved it."""
    if not path:
        return True
    parent = at_path(value, path[:-1])
    return path[-1] in parent if isinstance(parent, dict) else isinstance(parent, list) and int(path[-1]) < len(parent)


def _put(value: Any, path: Sequence[str | int], new: Any) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return new
    at_path(value, path[:-1])[path[-1]] = new
    return value
