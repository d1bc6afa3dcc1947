"""Values of a JSON Schema, as people's systems send them: Hypothesis strategies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

PEOPLE = (
    "", " ", "Ana", "joão GONÇALVES ", "ana@example.pt", "Ana <Ana@Example.PT>", "nobody", "912 345 678",
    "+351 912 345 678", "351912345678", "12", "PT", "pt", "Portugal", "España", "Atlantis", "AQ", "31/05/2026 14h30",
    "2026-05-31T14:30:00+01:00", "31 de maio", "19,90", "STOP", "failed", "preço?", "🙂", "0", "a\nb", "x" * 99,
)  # fmt: skip
TEXTS = st.sampled_from(PEOPLE) | st.text(max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 99) | st.floats(allow_nan=False, allow_infinity=False)
ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)
FORMATS: Mapping[str, st.SearchStrategy[Any]] = {
    "date-time": st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    "email": st.emails(),
}


LONG = 30_000


def long_texts(most: int) -> st.SearchStrategy[str]:
    """As long as may be, and one more: one word, words, letters and pictures of two characters."""
    over = most + 1
    fill = st.sampled_from(("x", "ana ", "🙂", "ã", "9", "e\u0301", "a@b.pt "))
    return st.builds(lambda sign, size: (sign * size)[:size], fill, st.sampled_from((most, over)))


def values(schema: Any, root: Mapping[str, Any] | None = None) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    """Values that fit it, or nearly: lengths and patterns of texts are left to whoever reads them."""
    root = schema if root is None else root
    if not isinstance(schema, Mapping):
        return ANY
    if (pointer := schema.get("$ref")) is not None:
        found: Any = root
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part]
        return st.deferred(lambda: values(found, root))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return st.one_of([values(option, root) for option in schema[word]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return st.one_of([values({**schema, "type": each}, root) for each in kind])
    if kind == "object" or "properties" in schema:
        return _objects(schema, root)
    if kind == "array":
        return st.lists(values(schema.get("items"), root), max_size=3)
    if kind == "string":
        texts = FORMATS.get(schema.get("format", ""), TEXTS | long_texts(schema.get("maxLength", LONG)))
        return texts.filter(lambda text: len(text) >= schema.get("minLength", 0))
    simple = {"boolean": st.booleans(), "null": st.none(), "number": NUMBERS, "integer": NUMBERS.map(int)}
    return simple.get(str(kind), ANY)


def _objects(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: values(part, root) for name, part in schema.get("properties", {}).items()}
    needed = schema.get("required", ())
    named = st.fixed_dictionaries(
        {name: fields[name] for name in fields if name in needed},
        optional={name: fields[name] for name in fields if name not in needed},
    )
    if fields:
        return named
    return st.dictionaries(TEXTS, values(schema.get("additionalProperties"), root), max_size=2)
