"""What an action takes and gives, as far as a row of its endpoint needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class ActionShape:
    """What an action takes (`list`, `boolean`, `other`) and gives."""

    inputs: Mapping[str, str]
    outputs: frozenset[str]

    @classmethod
    def of(cls, inputs: type[BaseModel], outputs: type[BaseModel]) -> ActionShape:
        """The shape of two models."""
        properties = inputs.model_json_schema().get("properties", {})
        return cls({name: _kind(one) for name, one in properties.items()}, frozenset(outputs.model_fields))


def _kind(schema: Mapping[str, Any]) -> str:
    kinds = {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))}
    return "list" if "array" in kinds else "boolean" if "boolean" in kinds else "other"
