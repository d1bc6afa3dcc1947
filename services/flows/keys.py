"""The keys of the language, each declared once: the parser, its suggestions and the editor's schema come from this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a map: its name, its help for authors, and the JSON Schema of what an editor lets stand there."""

    name: str
    help: str
    schema: Schema = field(default_factory=dict)
    required: bool = False


Keys = tuple[Key, ...]


def names(keys: Keys) -> tuple[str, ...]:
    """All names, in the order in which they are told."""
    return tuple(key.name for key in keys)


def required(keys: Keys) -> tuple[str, ...]:
    """The names of those that a map must have."""
    return tuple(key.name for key in keys if key.required)


# Parts of schemas


def ref(name: str) -> Schema:
    """What is defined under this name."""
    return {"$ref": f"#/definitions/{name}"}


def described(text: str, schema: Schema) -> Schema:
    """A schema with its help. Beside a `$ref`, draft-07 reads nothing: it stands in `allOf`."""
    if "$ref" in schema:
        return {"description": text, "allOf": [schema]}
    return {"description": text, **schema}


def closed(properties: Schema, needed: Iterable[str] = ()) -> Schema:
    """A map with these keys and no others."""
    made: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**made, "required": listed} if (listed := list(needed)) else made


def map_of(keys: Keys) -> Schema:
    """A map with these keys and no others, each with its help."""
    return closed({key.name: described(key.help, key.schema) for key in keys}, required(keys))


EXPRESSION = ref("expression")
DURATION = ref("duration")
STEPS = ref("steps")
TRIGGER = ref("trigger")
TEXT: Schema = {"type": "string"}
REACTION: Schema = {"anyOf": [{"enum": ["stop", "continue"]}, STEPS]}
"""What a failure, or the end of a wait, does."""
