"""round_robin: whose turn it is, by weight, the same for the same key, without those who are away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import override

from contracts.texts import one_text
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import Duration, TimeZone
from services.flows.state.rotations import Turn
from services.flows.unknown import known
from services.flows.working_hours import HoursError, WorkingHours, days_of, holidays_of, stretches_of, zone_of
from services.tools.toolkit.size_bounds import Text
from services.tools.toolkit.state_inputs import key_of, seconds

MOST, LONGEST_MEMBER = 500, 200
Member = Annotated[str, MinLen(1), MaxLen(LONGEST_MEMBER), AfterValidator(one_text)]
Members = Annotated[list[Member], Field(min_length=1, max_length=MOST)]
Absent = Annotated[list[Member], Field(max_length=MOST)]
Weight = Annotated[int, Ge(0), Le(1000)]


class MemberHours(BaseModel):
    """When a member is there: as `working_hours` of `wait`."""

    zone: TimeZone = Field(description="on whose clock, such as Europe/Lisbon")
    days: str = Field(default="mon-fri", max_length=100, description="such as mon-fri or tue, sat")
    hours: str = Field(default="09:00-18:00", max_length=200, description="such as 09:00-13:00, 14:00-18:00")
    holidays: list[str] = Field(default_factory=list, max_length=1000, description="days such as 2026-12-25")

    def as_hours(self) -> WorkingHours:
        """As the rotation takes it. Raises ToolError."""
        try:
            days, stretches = days_of(self.days), stretches_of(self.hours)
            return WorkingHours(zone_of(self.zone), days, stretches, holidays_of(self.holidays))
        except HoursError as error:
            raise ToolError(f"hours: {error}") from None


class Inputs(BaseInputs):
    """What it takes."""

    list: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="name of the rotation: flows that write the same share its turns; `flows rotation show NAME`"
    )
    values: Members = Field(description="who takes turns")
    weights: dict[Member, Weight] = Field(
        default_factory=dict, max_length=MOST, description="turns a round, 0 to 1000, for those that do not get 1"
    )
    sticky_key: Annotated[Text, AfterValidator(key_of)] = Field(
        default="", description="this key keeps who it got, such as ${ trigger.from }"
    )
    sticky_for: Duration = Field(default="365d", description="for so long after its last turn")
    absent: Absent = Field(default=[], description="who is away now")
    hours: dict[Member, MemberHours] = Field(
        default_factory=dict, max_length=MOST, description="who is there only at times"
    )
    all_absent: Literal["rotate", "none", "fail"] = Field(
        default="rotate", description="nobody is there: rotate as if all were, give an empty value, or fail"
    )

    @override
    def hopeless(self) -> None:
        """Weights or hours of somebody who takes no turns, or no turn for anybody."""
        _refuse_nobody(known(self.values), known(self.weights), known(self.hours))


def _refuse_nobody(values: Collection[str], weights: Mapping[str, int], hours: Collection[str]) -> None:
    """Raise ToolError for names that are not among the values, and where all weights are 0."""
    for what, names in (("weights", weights), ("hours", hours)):
        if unknown := [name for name in names if name not in values]:
            raise ToolError(f"{what} names {unknown[0]!r}, who is not among the values")
    if not any(weights.get(value, 1) for value in values):
        raise ToolError("all weights are 0: nobody would get a turn")


class Outputs(BaseModel):
    """What it gives."""

    value: str = Field(
        max_length=LONGEST_MEMBER,
        description="whose turn it is; empty when all are away and all_absent is none",
        json_schema_extra={"filled_unless": "all_absent none"},
    )
    assigned: bool = Field(description="whether there is one")
    kept: bool = Field(description="whether the sticky key had it already")


@tool(
    "round_robin",
    group=Group.DISTRIBUTE,
    examples=[
        Example("the first turn", {"list": "sales-team", "values": ["ana", "rui", "eva"]}, {"value": "ana"}),
        Example(
            "by weight, and a contact keeps its owner",
            {
                "list": "sales-team",
                "values": ["ana", "rui"],
                "weights": {"rui": 3},
                "sticky_key": "+351912345678",
                "sticky_for": "90d",
            },
            {"value": "rui", "kept": False},
        ),
    ],
)
async def round_robin(inputs: Inputs) -> Outputs:
    """Give the next of a list, evenly or by weight, the same again for a sticky key, skipping who is away."""
    values = tuple(dict.fromkeys(inputs.values))
    _refuse_nobody(values, inputs.weights, inputs.hours)
    weights = tuple(inputs.weights.get(value, 1) for value in values)
    turned = await Turn(
        inputs.list,
        values,
        weights,
        inputs.sticky_key,
        seconds(inputs.sticky_for, "sticky_for"),
        tuple(inputs.absent),
        tuple((name, schedule.as_hours()) for name, schedule in inputs.hours.items()),
        rotate_if_all_away=inputs.all_absent == "rotate",
    )
    if turned.value is None and inputs.all_absent == "fail":
        raise ToolError(f"nobody of {inputs.list!r} is there")
    return Outputs(value=turned.value or "", assigned=turned.value is not None, kept=turned.kept)
