"""A flow's version: a hash of what it says. Comments, layout and the order of keys do not count."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import orjson

from contracts.ids import stable_id
from services.flows.flow import Flow
from services.flows.syntax import MapOf
from services.runtime.documents.locations import Location, TextOrigin

LANGUAGE = "1"
"""Raised when the same text comes to mean something else: then its version changes too."""


def version_of(flow: Flow) -> str:
    """32 hex digits: the same for the same flow on every machine."""
    return stable_id("flow", LANGUAGE, orjson.dumps(_content(flow)))


def _content(node: Any) -> Any:  # noqa: ANN401 - a tree of dataclasses in, a tree of JSON out
    if isinstance(node, MapOf):
        return ["MapOf", sorted(([word.text, _content(value)] for word, value in node.items), key=lambda pair: pair[0])]
    if is_dataclass(node):
        parts = {field.name: getattr(node, field.name) for field in fields(node)}
        # What a flow does not say is left out, so that a key that the language gets later changes no version of today.
        said = [
            [name, _content(part)]
            for name, part in sorted(parts.items())
            if not isinstance(part, Location | TextOrigin) and part not in (None, (), "")
        ]
        return [type(node).__name__, said]
    if isinstance(node, tuple):
        return [_content(item) for item in node]
    if isinstance(node, Enum):
        return node.value
    return node
