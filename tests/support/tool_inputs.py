"""Inputs for any tool, made by hypothesis from its pydantic model: all that its types allow, and what people send."""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from services.flows.refined import CheckedText, Refined

SAMPLES: dict[str, list[str]] = {
    "phone": ["+351912345678", "+442079460958", "+5511961234567"],
    "digits": ["351912345678", "0", "1" * 40],
    "email": ["ana@closum.com", "rui+ads@example.pt"],
    "url": ["https://closum.com/a?b=1", "http://x"],
    "timestamp": ["2026-05-31T14:30:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"],
    "duration": ["30s", "2h30m", "999999999w"],
    "time_zone": ["UTC", "Europe/Lisbon", "America/Sao_Paulo", "Pacific/Apia"],
    "region": ["PT", "BR", "GB", "US", "CH"],
    "language": ["pt-PT", "en", "de", "ar", "ja", "zh-Hant-TW"],
    "pattern": [r"\d+", "(a+)+$", "(?i)é|(?P<x>b)", "", ".", "a{0,3}"],
}
# Many short texts: a line each would hide the file.
SENT = [
    "", " ", "+351 912 345 678", "912345678", "00351912345678", "5511961234567", "tel:+1-800-FLOWERS", "+" * 40,
    "9" * 60,
    "ana@closum.com", "Ana <ana@x.pt>",
    "a@b", "@", "ANA@GMAIL.COM",
    "31/05/2026 14h30", "2026-05-31T14:30:00Z", "2026-02-30", "0001-01-01", "9999-12-31T23:59:59-12:00", "1767225600",
    "99999999999999",
    "-1", "5 de janeiro de 2026", "24:00", "2026-W53-7", "dd/MM/yyyy", "yyyy-'x'-MM", "EEEE", "'", "%Y",
    "1.234,56 €", "1,234.56", "1e400", "-0", "NaN", "Infinity", "٣", "½", "0.05", "12 %",
    '{"a": [1, {"b": null}]}', "[" * 2000, '"\\ud800"', "{", "1e999",
    "<p>Olá&nbsp;<b>Ana</b></p>", "<script>x", "<div" * 50, "<!--", "\ue000",
    "{{ x }}", "{% for i in range(99) %}{{ i }}{% endfor %}", "{{ [1]*99999999 }}", "{{", "{{ item.name }}",
    "a.b[0].c", "a[*]", "..", "[", '["x"]', "*",
    "Dra. Maria João da Silva", "Sousa, Ana", ",", "João", "ÇÃO", "ß", "ﬁ", "İ", "e\u0301",
    "👩‍👩‍👧‍👦 olá", "\u202eabc", "a\x00b",
    r"\1", r"\9", r"\g<x>", "(", "(a+)+$", "Lisboa", "PT", "PRT", "+351", "+1684", "+999", "true", "sim", "ﷺ" * 20,
]  # fmt: skip
texts = st.one_of(st.sampled_from(SENT), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), texts
)
names = st.sampled_from(["a", "b", "name", "x.id", "price", ""])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


def bounds(metadata: list[Any]) -> tuple[Any, Any]:
    """The least and the most of a number."""
    low = next((mark.ge for mark in metadata if isinstance(mark, Ge)), None)
    high = next((mark.le for mark in metadata if isinstance(mark, Le)), None)
    return low, high


def sizes(metadata: list[Any]) -> tuple[int, int | None]:
    """The least and the most length."""
    low = next((mark.min_length for mark in metadata if isinstance(mark, MinLen)), 0)
    high = next((mark.max_length for mark in metadata if isinstance(mark, MaxLen)), None)
    return low, high


def text_of(metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Texts with the marks of a field."""
    mark = next((mark for mark in metadata if isinstance(mark, Refined | CheckedText)), None)
    if mark:
        return st.sampled_from(SAMPLES[mark.kind])
    constraint = next((mark for mark in metadata if isinstance(mark, StringConstraints)), None)
    pattern = getattr(constraint, "pattern", None) or next(
        (found for mark in metadata if (found := getattr(mark, "pattern", None))), None
    )
    if pattern:
        return st.from_regex(pattern, fullmatch=True)
    low, high = sizes(metadata)
    return texts.filter(lambda text: low <= len(text) <= (high or len(text)))


def of(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 (one for each kind of type)
    """Values of a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        own = [mark for each in arguments[1:] for mark in (each.metadata if isinstance(each, FieldInfo) else [each])]
        return of(arguments[0], [*metadata, *own])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*(of(argument, metadata) for argument in arguments))
    if origin is list:
        return st.lists(of(arguments[0], []), min_size=sizes(metadata)[0], max_size=min(sizes(metadata)[1] or 6, 6))
    if origin is dict:
        return st.dictionaries(st.sampled_from(["a", "b", "name", "x"]), of(arguments[1], []), max_size=4)
    low, high = bounds(metadata)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        Any: values,
        str: text_of(metadata) if annotation is str else texts,
        bool: st.booleans(),
        int: st.integers(low, high),
        float: st.floats(low, high, allow_nan=False, allow_infinity=False),
        type(None): st.none(),
    }
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return inputs_of(annotation)
    return simple[annotation]


def field_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a model's field."""
    return of(field.annotation, field.metadata)


@cache
def inputs_of(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs as a flow gives them: required ones always, others sometimes."""
    required = {name: field_of(field) for name, field in model.model_fields.items() if field.is_required()}
    optional = {name: field_of(field) for name, field in model.model_fields.items() if not field.is_required()}
    return st.fixed_dictionaries(required, optional=optional)
