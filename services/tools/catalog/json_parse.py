"""json.parse: JSON text → a value that expressions can walk."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, Field

from services.flows.catalogue import tool


class Inputs(BaseModel):
    """What it takes."""

    text: str = Field(max_length=500_000)


class Outputs(BaseModel):
    """What it gives. `value` is absent when the text is not JSON; then `reason` says why and where."""

    valid: bool
    value: Any = None
    reason: str = ""


@tool("json.parse")
async def json_parse(inputs: Inputs) -> Outputs:
    """Read JSON text from an external API into a value."""
    try:
        return Outputs(valid=True, value=orjson.loads(inputs.text))
    except orjson.JSONDecodeError as error:
        return Outputs(valid=False, reason=str(error))
