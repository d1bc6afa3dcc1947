"""storage.get: the value that a run stored before."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.state.storage import LoadValue
from services.tools.toolkit.state_inputs import Key, Scope


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="whose value")
    default: Any = Field(default=None, description="what `value` is when there is none")
    scope: Scope = Field(default="", description="flows that write the same scope share values; empty: this flow's own")


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether there is a value")
    value: Any = Field(
        default=None, description="the value, or the default", json_schema_extra={"given_with": "default"}
    )


@tool(
    "storage.get",
    group=Group.VALUES,
    examples=[
        Example("nothing there yet", {"key": "last-campaign", "default": "none"}, {"found": False, "value": "none"})
    ],
)
async def storage_get(inputs: Inputs) -> Outputs:
    """Read the value that `storage.set` stored under a key."""
    loaded = await LoadValue(inputs.scope, inputs.key)
    # A null counts as absent, as everywhere in flows.
    return Outputs(found=loaded.found, value=inputs.default if loaded.value is None else loaded.value)
