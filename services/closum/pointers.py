"""RFC 6901 pointers into what came, and the making of what goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.flows.declared_triggers import at

__all__ = ["at", "nested"]


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as a JSON object: a name that begins with a slash is a pointer to where its value stands."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in name.split("/")[1:]] or [name]
        inner = made
        for part in way:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return made
