"""filter: conditions over any values, joined by all and any, to one yes or no."""

from __future__ import annotations

from pydantic import BaseModel, Field
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import TimeZone
from services.flows.unknown import known
from services.tools.toolkit.conditions import Condition, holds, prepare

MAX_CONDITIONS = 200


class Inputs(BaseInputs):
    """What it takes. With both `all` and `any`, both must hold; an empty list holds."""

    all: list[Condition] = Field(default_factory=list, max_length=MAX_CONDITIONS, description="each must hold: and")
    any: list[Condition] = Field(default_factory=list, max_length=MAX_CONDITIONS, description="one must hold: or")
    ignore_case: bool = Field(default=True, description="whether capitals do not count")
    time_zone: TimeZone = Field(default="UTC", description="zone of dates that name none")

    @override
    def hopeless(self) -> None:
        """A condition that can never be asked."""
        for each in (*self.all, *self.any):
            prepare(known(each.test), known(each.against))


class Outputs(BaseModel):
    """What it gives."""

    passed: bool = Field(description="whether the conditions hold")
    reason: str = Field(default="", description="which condition does not: all[0] contains")


@tool(
    "filter",
    group=Group.CONDITIONS,
    examples=[
        Example(
            "and",
            {
                "all": [
                    {"value": "Quero uma Pizza", "test": "contains", "against": "pizza"},
                    {"value": 42, "test": "above", "against": 18},
                ]
            },
            {"passed": True, "reason": ""},
        ),
        Example(
            "or",
            {
                "any": [
                    {"value": "Faro", "test": "in_list", "against": ["Lisboa", "Porto"]},
                    {"value": None, "test": "exists"},
                ]
            },
            {"passed": False, "reason": "none of any"},
        ),
        Example(
            "not",
            {"all": [{"value": "2026-05-31", "test": "before", "against": "2026-06-01", "negate": True}]},
            {"passed": False, "reason": "all[0] before"},
        ),
    ],
)
async def filter_values(inputs: Inputs) -> Outputs:
    """Apply conditions (text, number, date, boolean, exists; and, or) to values."""
    answers = {
        group: [holds(one, ignore_case=inputs.ignore_case, time_zone=inputs.time_zone) for one in conditions]
        for group, conditions in (("all", inputs.all), ("any", inputs.any))
    }
    if False in answers["all"]:
        at = answers["all"].index(False)
        return Outputs(passed=False, reason=f"all[{at}] {inputs.all[at].test}")
    if inputs.any and True not in answers["any"]:
        return Outputs(passed=False, reason="none of any")
    return Outputs(passed=True)
