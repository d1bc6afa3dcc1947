"""How much a tool takes and gives. A message over 900 KB is a dead letter, so no bound here is near it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from services.flows.catalogue import ToolError

MAX_TEXT = 100_000
MAX_ITEMS = 10_000
MAX_OUTPUT = 500_000

Text = Annotated[str, Field(max_length=MAX_TEXT)]
"""A text of up to 100,000 characters."""

Items = Annotated[list[Any], Field(max_length=MAX_ITEMS)]
"""A list of up to 10,000 items of any kind."""


def bounded(length: int, what: str) -> None:
    """Raise ToolError when something that is about to be made would be longer than 500,000 characters."""
    if length > MAX_OUTPUT:
        raise ToolError(f"the {what} would have {length:,} characters, the most is {MAX_OUTPUT:,}: give less text")
