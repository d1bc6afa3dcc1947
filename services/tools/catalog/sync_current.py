"""sync.current: which changes that won are still the last ones."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.state.merges import MOST_FIELDS, Stands
from services.tools.toolkit.state_inputs import Key, small


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="as sync.resolve has it")
    changes: dict[str, Any] = Field(max_length=MOST_FIELDS, description="what sync.resolve gave, such as `back`")
    scope: str = Field(default="sync", min_length=1, max_length=100, description="as sync.resolve has it")


class Outputs(BaseModel):
    """What it gives."""

    fields: dict[str, Any] = Field(
        description="field → value, of those that nobody changed again since", json_schema_extra={"sparse": "true"}
    )


@tool(
    "sync.current",
    group=Group.SYNC,
    examples=[
        Example(
            "nobody changed it since",
            {"key": "+351912345678", "changes": {"name": "Ana"}},
            {"fields": {"name": "Ana"}},
        )
    ],
)
async def sync_current(inputs: Inputs) -> Outputs:
    """Before a later write of a two-way sync: leave out what has been changed again meanwhile."""
    standing = await Stands(inputs.scope, inputs.key, small(inputs.changes, "changes"))
    return Outputs(fields=standing.fields)
