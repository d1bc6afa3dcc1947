"""What the forms of the sources file are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class StrictForm(BaseModel):
    """A mapping of the file: no field but these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _pointer(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is no JSON pointer: write it as /order/id")
    return text


Pointer = Annotated[str, AfterValidator(_pointer)]
Pointers = Annotated[list[Pointer], BeforeValidator(_listed)]
"""One pointer, or several of which the first that finds something counts."""
