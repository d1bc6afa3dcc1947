"""A JSON Schema of what a platform sends: types where they are known, and little that it could be refused for.

Texts get a greatest length, so that they can go where Closum takes only so much; `on_mismatch: raw` cuts a longer one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from contracts.contact_fields import MOST_NAME
from services.runtime.documents.json_schema import LEAST_WHOLE, MOST_WHOLE

Schema = dict[str, Any]
MOST_ADDRESS, MOST_LINES, MOST_TEXT = 8_000, 20_000, 100_000
MUCH = 100
"""Characters of a text that is more than a name."""
FOR_LINES = frozenset(
    {
        *("answer", "body", "comment", "comments", "content", "description", "feedback", "html", "message", "note"),
        *("notes", "question", "reason", "remarks", "text", "comentario", "comentarios", "descricao", "mensagem"),
        *("motivo", "notas", "observacoes", "pergunta", "resposta", "texto", "mensaje", "nachricht"),
    }
)
"""Words in the names of fields that people write lines into."""
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
KINDS: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))


def tolerant_schema(bodies: Sequence[Any], required: Sequence[str] = (), free: Sequence[str] = ()) -> Schema:
    """The schema of all these objects, and of others like them.

    Every field can be absent or null, but for `required`. Below a pointer of `free` (`*` is any item of a list) stands
    whatever the platform sends, and so it does where the bodies have null, or values of several types.

    >>> tolerant_schema([{"id": 7, "note": None}, {"id": 8, "note": "x"}], required=["id"])["properties"]["note"]
    {'type': ['string', 'null'], 'maxLength': 20000}
    """
    properties = _properties(bodies, "", frozenset(free))
    for name in required:
        kinds = properties[name].get("type")
        if kinds:
            properties[name] = {**properties[name], "type": kinds[0]}
    return {"type": "object", **({"required": list(required)} if required else {}), "properties": properties}


def require(schema: Schema, pointer: str) -> None:
    """Have the field at a pointer, and all that it stands in, required, and never null."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        schema["required"] = list(dict.fromkeys([*schema.get("required", ()), name]))
        inner = schema["properties"][name]
        kinds = [kind for kind in inner.get("type", ()) if kind != "null"]
        schema["properties"][name] = schema = {**inner, "type": kinds[0]} if kinds else inner


def schema_of_values(values: Sequence[Any], name: str = "") -> Schema:
    """The schema of a field of this name that came with these values."""
    return _schema(values, f"/{name}", frozenset())


def most_of(texts: Sequence[str], name: str) -> int:
    """How many characters a field of this name gets that came with these texts.

    A name, an id, a choice: as many as Closum takes of a name. A message, or what is more than one line: as many as an
    SMS takes. An address: as many as a call takes. Of more came, as many as tools take.
    """
    longest = max(map(len, texts), default=0)
    if any(text.startswith(("http://", "https://")) for text in texts):
        likely = MOST_ADDRESS
    else:
        said = {word.lower() for word in WORD.findall(name)}
        likely = MOST_LINES if said & FOR_LINES or longest > MUCH or any("\n" in text for text in texts) else MOST_NAME
    return next((most for most in (likely, MOST_LINES, MOST_TEXT) if longest <= most), longest)


def _properties(objects: Sequence[Any], pointer: str, free: frozenset[str]) -> Schema:
    names = dict.fromkeys(name for one in objects for name in one)
    return {name: _schema([one[name] for one in objects if name in one], f"{pointer}/{name}", free) for name in names}


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON
    """Empty for a whole number that no schema's `integer` takes."""
    if isinstance(value, int) and not LEAST_WHOLE <= value <= MOST_WHOLE:
        return ""
    return next((name for kind, name in KINDS if isinstance(value, kind)), "")


def _schema(values: Sequence[Any], pointer: str, free: frozenset[str]) -> Schema:
    there = [value for value in values if value is not None]
    if not there or pointer in free:
        return {}
    if all(isinstance(value, dict) for value in there):
        return {"type": ["object", "null"], "properties": _properties(there, pointer, free)}
    if all(isinstance(value, list) for value in there):
        items = [item for value in there for item in value]
        return {"type": ["array", "null"], "items": _schema(items, f"{pointer}/*", free)}
    if all(isinstance(value, str) for value in there):
        return {
            "type": ["string", "null"],
            "maxLength": most_of(there, next(part for part in reversed(pointer.split("/")) if part != "*")),
        }
    kinds = {_kind(value) for value in there}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    return {"type": [*kinds, "null"]} if len(kinds) == 1 and kinds != {""} else {}
