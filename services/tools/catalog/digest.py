"""digest: items are collected per key and go on together."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, StopRun, tool
from services.flows.needs import Pause
from services.flows.refined import Duration, Timestamp
from services.flows.state.digests import Collect, Release
from services.tools.toolkit.state_inputs import Key, Scope, seconds, small, timestamp


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(default="all", description="what is collected together, such as ${ owner.value }")
    item: Any = Field(description="what this run adds: any JSON up to 100 KB")
    count: int = Field(default=1000, ge=1, le=1000, description="so many items go on at once")
    within: Duration = Field(default="1h", description="at the latest so long after the first")
    scope: Scope = Field(default="", description="flows that write the same scope collect together; empty: its own")


class Outputs(BaseModel):
    """What it gives."""

    items: list[Any] = Field(description="all items, in the order of their coming")
    count: int = Field(description="how many")
    since: Timestamp = Field(description="when the first came")


@tool(
    "digest",
    group=Group.DELAY,
    examples=[
        Example(
            "leads of an hour for one message, this one alone",
            {"key": "ana", "item": {"name": "Rui"}, "count": 1, "within": "1h"},
            {"items": [{"name": "Rui"}], "count": 1},
        )
    ],
)
async def digest(inputs: Inputs) -> Outputs:
    """Collect items per key; one run goes on with all of them, by count or time, the others end as filtered."""
    within = seconds(inputs.within, "within")
    collected = await Collect(inputs.scope, inputs.key, small(inputs.item, "item"), inputs.count, within)
    items = collected.items
    if items is None and collected.opened:
        await Pause(collected.due)
        items = (await Release(inputs.scope, inputs.key, collected.collection)).items
    if items is None:
        raise StopRun("collected in a digest")
    return Outputs(items=items, count=len(items), since=timestamp(collected.since))
