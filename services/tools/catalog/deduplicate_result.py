"""deduplicate.result: what the first made of it, for duplicates that go on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.state.claims import SettleClaim
from services.tools.toolkit.state_inputs import Key, Scope, small


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="the key that this run was the first with")
    result: Any = Field(description="what duplicates get as `result`, such as the id of the new lead; at most 100 KB")
    scope: Scope = Field(default="", description="that of the `deduplicate` step")


class Outputs(BaseModel):
    """What it gives."""

    stored: bool = Field(
        description="false when this run does not hold the key: it was a duplicate, or it took too long"
    )


@tool(
    "deduplicate.result",
    group=Group.DUPLICATES,
    examples=[Example("the lead's id", {"key": "+351912345678", "result": {"lead_id": 7}}, {"stored": False})],
)
async def deduplicate_result(inputs: Inputs) -> Outputs:
    """Store what came of the first, for duplicates with on_duplicate: continue."""
    settled = await SettleClaim(inputs.scope, inputs.key, small(inputs.result, "result"))
    return Outputs(stored=settled.stored)
