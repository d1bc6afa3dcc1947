"""counter: an exact total a key."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Duration, Timestamp
from services.flows.state.counters import Count
from services.tools.toolkit.state_inputs import Key, Scope, seconds, timestamp

MOST = 1_000_000_000


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="what is counted, such as ${ trigger.from }")
    add: int = Field(default=1, ge=-MOST, le=MOST, description="how much is added; negative takes away")
    within: Duration = Field(default="365d", description="it begins at 0 again so long after its first addition")
    scope: Scope = Field(default="", description="flows that write the same scope share totals; empty: this flow's own")


class Outputs(BaseModel):
    """What it gives."""

    total: int = Field(description="the total with this one; no two runs of a key that add 1 get the same")
    since: Timestamp = Field(description="when the first was added")


@tool(
    "counter",
    group=Group.VALUES,
    examples=[Example("the first message", {"key": "+351912345678", "within": "1d"}, {"total": 1})],
)
async def counter(inputs: Inputs) -> Outputs:
    """Count per key, and tell the total."""
    counted = await Count(inputs.scope, inputs.key, inputs.add, seconds(inputs.within, "within"))
    return Outputs(total=counted.total, since=timestamp(counted.since))
