"""The fields of a model, one by one: under which names each is given, and what validates it."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError


def names_of_field(model: type[BaseModel], own: str) -> list[str]:
    """The names under which a field is given."""
    info = model.model_fields[own]
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return [each for each in alias.choices if isinstance(each, str)]
    return [alias if isinstance(alias, str) else info.alias or own]


@lru_cache(maxsize=4096)
def adapter_of(model: type[BaseModel], name: str) -> TypeAdapter[Any] | None:
    """The validator of one field, by the name under which it is given."""
    for own, info in model.model_fields.items():
        if name in (own, *names_of_field(model, own)):
            try:
                # The constraints of a field without its aliases, which mean nothing outside of a model.
                marked: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
                return TypeAdapter(marked)
            except PydanticSchemaGenerationError:
                return None
    return None
