"""Expressions without `${ }`: what is written so is a text, or a map, and never what its author means."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from services.flows.flow import Flow, values_of
from services.flows.other_words import meant_expressions
from services.flows.syntax import Constant, ListOf, MapOf, Template, Value
from services.runtime.documents.locations import Location

_TEMPLATES = frozenset({"template"})
"""Inputs in which `{{ name }}` is right: what stands there is judged by their tool."""


def without_dollar(flow: Flow, roots: AbstractSet[str]) -> Iterator[tuple[Location, str]]:
    """Where such stand, each with what is to be written. `roots`: the names that expressions begin with."""
    for value in values_of(flow):
        yield from _in(value, roots)


def _in(value: Value, roots: AbstractSet[str]) -> Iterator[tuple[Location, str]]:
    if isinstance(value, MapOf):
        for word, item in value.items:
            empty = isinstance(item, Constant) and item.value is None
            if empty and (meant := next(meant_expressions(word.text, roots), None)) is not None:
                yield word.location, f'this is a map without values: write "${{ {meant} }}"'
            elif word.text not in _TEMPLATES:
                yield from _in(item, roots)
    elif isinstance(value, ListOf):
        for each in value.items:
            yield from _in(each, roots)
    elif isinstance(value, Constant | Template):
        texts = value.parts if isinstance(value, Template) else (value.value,)
        for text in texts:
            for meant in meant_expressions(text, roots) if isinstance(text, str) else ():
                yield value.location, f"`{meant}` is only a text here: write `${{ {meant} }}`"
