"""JSON Schema, used one way: patterns take linear time, and references stay inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
import orjson
from jsonschema_rs import ValidationErrorKind as Kind

FEW_VALUES = 1000
"""Of a body of more, only the first fault is told: the library builds all before it gives one, 7 microseconds each."""
INTEGER = "integer"
LEAST_WHOLE, MOST_WHOLE = -(2**63), 2**63 - 1
VALUES = frozenset({"const", "default", "enum", "examples"})
"""Words below which no schema stands."""
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Words below which a schema stands under each name, whatever the name is."""
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
            _bounded(orjson.loads(schema)),
            pattern_options=jsonschema_rs.RegexOptions(),
            retriever=_no_retrieval,
            validate_formats=formats,
            mask=mask,
        )
    except FAULTS as error:
        raise SchemaError(_line(error)) from None


def _bounded(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The schema with the bounds of 64 bits for whole numbers: beyond them no expression could reckon with one."""
    if isinstance(schema, list):
        return [_bounded(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: {name: _bounded(inner) for name, inner in part.items()}
        if key in NAMED and isinstance(part, dict)
        else part
        if key in VALUES
        else _bounded(part)
        for key, part in schema.items()
    }
    said = schema.get("type")
    if said == INTEGER or (isinstance(said, list) and INTEGER in said and "number" not in said):
        return {"minimum": LEAST_WHOLE, "maximum": MOST_WHOLE, **made}
    return made


def mismatch(validator: jsonschema_rs.Validator, value: Any) -> tuple[str, str] | None:  # noqa: ANN401 - a JSON value
    """The first that does not match: where, as a path, and what. Not all: a hostile list has 200,000 of them."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return "/" + "/".join(str(part) for part in error.instance_path), error.message
    return None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What does not match: why, where, and of which JSON types it might be; none where it is not about the type.

    `most`: how many characters may be there, where that is what is wrong.
    """

    text: str
    path: tuple[str | int, ...]
    types: frozenset[str] = frozenset()
    most: int | None = None


def mismatches(validator: jsonschema_rs.Validator, value: Any, most: int) -> list[Mismatch]:  # noqa: ANN401 - a JSON value
    """What does not match: at most `most`, and of a large value the first."""
    if _over(FEW_VALUES, value):
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [_mismatch(error)]
        return []
    return [_mismatch(error) for error in islice(validator.iter_errors(value), most)]


def _mismatch(error: jsonschema_rs.ValidationError) -> Mismatch:
    most = error.kind.limit if isinstance(error.kind, Kind.MaxLength) else None
    return Mismatch(error.message, tuple(error.instance_path), frozenset(_types(error)), most)


def _types(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """Of alternatives those of each."""
    kind = error.kind
    if isinstance(kind, Kind.Type):
        yield from kind.types
    elif isinstance(kind, Kind.AnyOf | Kind.OneOfNotValid):
        # Only where it is about the value itself, and not about what is in it.
        own = (inner for branch in kind.context for inner in branch if inner.instance_path == error.instance_path)
        yield from (name for inner in own for name in _types(inner))


def faults(
    validator: jsonschema_rs.Validator,
    value: Any,  # noqa: ANN401 - a JSON value
    most: int,
) -> list[tuple[str, Sequence[str | int]]]:
    """What does not match, and where: at most `most` faults, and of a large value the first."""
    return [(one.text, one.path) for one in mismatches(validator, value, most)]


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
