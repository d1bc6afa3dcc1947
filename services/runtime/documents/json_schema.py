"""JSON Schema, used one way: patterns take linear time, and references stay inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
import orjson

FEW_VALUES = 1000
"""Of a body of more, only the first fault is told: the library builds all before it gives one, 7 microseconds each."""
FAULTS = (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError)


class SchemaError(Exception):
    """A schema cannot be used. The text is why, in one line."""


def validator(schema: Mapping[str, Any], *, formats: bool = False, mask: str | None = None) -> jsonschema_rs.Validator:
    """A compiled schema, kept for the next time. Raises SchemaError.

    `formats`: whether `format` is checked. `mask`: stands in messages for each value. Nothing is read for a reference.
    """
    try:
        content = orjson.dumps(schema)
    except orjson.JSONEncodeError as error:  # from YAML: a key that is no text, a number over 64 bits
        raise SchemaError(_line(error)) from None
    return _compiled(content, formats, mask)


@lru_cache(maxsize=256)
def _compiled(schema: bytes, formats: bool, mask: str | None) -> jsonschema_rs.Validator:  # noqa: FBT001 - a key of the cache
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(schema),
            pattern_options=jsonschema_rs.RegexOptions(),
            retriever=_no_retrieval,
            validate_formats=formats,
            mask=mask,
        )
    except FAULTS as error:
        raise SchemaError(_line(error)) from None


def mismatch(validator: jsonschema_rs.Validator, value: Any) -> tuple[str, str] | None:  # noqa: ANN401 - a JSON value
    """The first that does not match: where, as a path, and what. Not all: a hostile list has 200,000 of them."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return "/" + "/".join(str(part) for part in error.instance_path), error.message
    return None


def faults(
    validator: jsonschema_rs.Validator,
    value: Any,  # noqa: ANN401 - a JSON value
    most: int,
) -> list[tuple[str, Sequence[str | int]]]:
    """What does not match, and where: at most `most` faults, and of a large value the first."""
    if _over(FEW_VALUES, value):
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [(error.message, tuple(error.instance_path))]
        return []
    return [(error.message, tuple(error.instance_path)) for error in islice(validator.iter_errors(value), most)]


def _over(most: int, value: object) -> bool:
    """Whether more than so many values stand in it. Looks at no more than that."""
    left, count = [value], 0
    while left:
        one = left.pop()
        inner: Iterable[object] = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left.extend(islice(inner, most - count + 1))
        count += 1
        if count > most:
            return True
    return False


def wrong_schema(schema: dict[str, Any]) -> str | None:
    """Why this is no JSON Schema, with the path of what is wrong; None when it is one."""
    try:
        jsonschema_rs.meta.validate(schema)
    except FAULTS as error:
        path = "/".join(str(part) for part in getattr(error, "instance_path", ()))
        return f"{path}: {_line(error)}" if path else _line(error)
    return None


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _no_retrieval(address: str) -> NoReturn:
    raise ValueError(f"{address!r} is outside of this schema")
