"""storage.set: a value for later runs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Duration
from services.flows.state.storage import StoreValue
from services.tools.toolkit.state_inputs import Key, Scope, seconds, small


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="whose value")
    value: Any = Field(description="any JSON up to 100 KB; null takes the value away")
    keep: Duration = Field(default="90d", description="for how long")
    scope: Scope = Field(default="", description="flows that write the same scope share values; empty: this flow's own")


class Outputs(BaseModel):
    """What it gives."""

    replaced: bool = Field(description="whether there was a value before")
    previous: Any = Field(default=None, description="that value")


@tool(
    "storage.set",
    group=Group.VALUES,
    examples=[
        Example("remember a choice", {"key": "+351912345678", "value": "sms", "keep": "30d"}, {"replaced": False})
    ],
)
async def storage_set(inputs: Inputs) -> Outputs:
    """Store a value under a key, for a time."""
    stored = await StoreValue(inputs.scope, inputs.key, small(inputs.value, "value"), seconds(inputs.keep, "keep"))
    return Outputs(replaced=stored.replaced, previous=stored.previous)
