"""The base of every trigger's payload, and readers that take several spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator


def spelled(*names: str) -> AliasChoices:
    """The spellings under which a field may arrive. Closum's webhook shapes are assumed: see docs/closum.md."""
    return AliasChoices(*names)


class Payload(BaseModel):
    """What a flow sees as `trigger`. Unknown fields are kept under `raw`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=False)

    trigger: ClassVar[str]
    example: ClassVar[dict[str, Any]]
    raw: dict[str, Any] = Field(default_factory=dict, description="unknown fields, kept as they were sent")

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        known: set[str] = set()
        for name, info in cls.model_fields.items():
            alias = info.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else []
            known |= {name, *(choice for choice in choices if isinstance(choice, str))}
        unknown = {key: item for key, item in value.items() if key not in known}
        if not unknown:
            return value
        return {
            **{key: item for key, item in value.items() if key in known},
            "raw": {**unknown, **(value.get("raw") or {})},
        }

    def subject(self) -> str | None:
        """The entity whose order matters; None when the payload names none."""
        return None

    def own_id(self) -> str | None:
        """The sender's id of this happening, if it sent one: what makes a redelivery a duplicate."""
        return None

    @classmethod
    def read(cls, body: object) -> Self:
        """Read what was sent. Raises pydantic.ValidationError."""
        return cls.model_validate(body)
