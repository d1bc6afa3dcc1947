"""throttle: at most so many per time and key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, StopRun, ToolError, tool
from services.flows.needs import Pause
from services.flows.refined import Duration, Timestamp
from services.flows.state.permits import Permit
from services.tools.toolkit.state_inputs import Key, Scope, seconds, timestamp

Then = Literal["wait", "stop", "continue"]


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(default="all", description="what is limited, such as ${ trigger.from }; `all`: the whole scope")
    most: int = Field(ge=1, le=1000, description="how many may pass")
    per: Duration = Field(description="in any stretch of this length")
    then: Then = Field(
        default="wait",
        description="wait: until there is a place, in order; stop: the run ends as filtered; continue: not `passed`",
    )
    longest_wait: Duration = Field(default="1d", description="with wait: who would wait longer fails")
    scope: Scope = Field(default="", description="flows that write the same scope share the limit; empty: its own")


class Outputs(BaseModel):
    """What it gives."""

    passed: bool = Field(description="false only with then: continue")
    at: Timestamp = Field(description="when it passed, or could have")


@tool(
    "throttle",
    group=Group.DELAY,
    examples=[
        Example("one message a day and contact", {"key": "+351912345678", "most": 1, "per": "1d"}, {"passed": True}),
        Example("drop what is too much", {"most": 100, "per": "1m", "then": "stop"}, {"passed": True}),
    ],
)
async def throttle(inputs: Inputs) -> Outputs:
    """Let at most so many pass per time and key; the others wait, stop, or are marked."""
    longest = seconds(inputs.longest_wait, "longest_wait") if inputs.then == "wait" else 0.0
    permitted = await Permit(inputs.scope, inputs.key, inputs.most, seconds(inputs.per, "per"), longest)
    if not permitted.passed and inputs.then == "stop":
        raise StopRun("throttled")
    if not permitted.passed and inputs.then == "wait":
        raise ToolError(f"it would have to wait until {timestamp(permitted.at)}, longer than {inputs.longest_wait}")
    if permitted.waits:
        await Pause(permitted.at)
    return Outputs(passed=permitted.passed, at=timestamp(permitted.at))
