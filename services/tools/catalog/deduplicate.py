"""deduplicate: the first with a key goes on; what the second does is the author's choice."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, StopRun, tool
from services.flows.refined import Duration, Timestamp
from services.flows.state.claims import ClaimKey
from services.tools.toolkit.state_inputs import Key, Scope, seconds, timestamp

OnDuplicate = Literal["stop", "continue", "update"]


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="what makes two the same, such as ${ phone.e164 }; normalize it first")
    within: Duration = Field(default="30d", description="for how long the first counts")
    on_duplicate: OnDuplicate = Field(
        default="stop",
        description="stop: the run ends as filtered, `duplicate`; continue: it goes on with what `deduplicate.result` "
        "stored for the first; update: it goes on, and the time begins anew",
    )
    scope: Scope = Field(default="", description="flows that write the same scope share keys; empty: this flow's own")


class Outputs(BaseModel):
    """What it gives."""

    first: bool = Field(description="whether this run is the first; false only with on_duplicate continue or update")
    duplicate: bool = Field(description="the contrary")
    update: bool = Field(description="whether this is a duplicate that should update: an input for `update_enabled`")
    result: Any = Field(default=None, description="what the first stored, once it has")
    first_run: str = Field(description="id of the run that was first: `flows run ID`")
    first_at: Timestamp = Field(description="when it was")


@tool(
    "deduplicate",
    group=Group.DUPLICATES,
    examples=[
        Example("nobody was before", {"key": "+351912345678", "within": "30d"}, {"first": True, "duplicate": False}),
        Example(
            "create or update",
            {"key": "ana@closum.com", "on_duplicate": "update", "scope": "leads"},
            {"first": True, "update": False},
        ),
    ],
)
async def deduplicate(inputs: Inputs) -> Outputs:
    """Let the first with a key pass, and stop or mark those that come within a time after it.

    A run that ends as dead before any call was done frees its key, so that the same lead can be sent again.
    """
    update = inputs.on_duplicate == "update"
    claimed = await ClaimKey(inputs.scope, inputs.key, seconds(inputs.within, "within"), renew=update)
    if not claimed.first and inputs.on_duplicate == "stop":
        raise StopRun("duplicate")
    return Outputs(
        first=claimed.first,
        duplicate=not claimed.first,
        update=update and not claimed.first,
        result=claimed.result,
        first_run=claimed.run_id,
        first_at=timestamp(claimed.at),
    )
