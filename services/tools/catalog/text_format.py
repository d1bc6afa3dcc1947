"""text.format: a template with values (minijinja, with fuel: a loop without end is cut)."""

from __future__ import annotations

from typing import Any

import minijinja
from pydantic import BaseModel, Field

from services.flows.catalogue import ToolError, tool


class Inputs(BaseModel):
    """What it takes."""

    template: str = Field(max_length=20_000, description="text with {{ name }}; filters such as | title")
    values: dict[str, Any] = Field(default_factory=dict)


class Outputs(BaseModel):
    """What it gives."""

    text: str


ENVIRONMENT = minijinja.Environment(undefined_behavior="strict", fuel=10_000)


@tool("text.format")
async def text_format(inputs: Inputs) -> Outputs:
    """Fill a text template with values."""
    try:
        return Outputs(text=ENVIRONMENT.render_str(inputs.template, **inputs.values))
    except minijinja.TemplateError as error:
        raise ToolError(str(error).splitlines()[0]) from None
