"""time_zone: a time zone of the IANA data base, however a text writes it, or a default."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

from pydantic import BaseModel, Field

from contracts.phones import without_marks
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import TimeZone
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    zone: Text = Field(description="a name as the contact has it: Europe/Lisbon, america/sao_paulo")
    default: TimeZone = Field(description="the zone of those that have none, such as Europe/Lisbon")


class Outputs(BaseModel):
    """What it gives."""

    zone: TimeZone = Field(description="the zone, for `wait`, `working_hours` and dates")
    found: bool = Field(description="false: there is no such zone, and it is the default")


LONGEST = 100


@lru_cache(maxsize=1)
def zones() -> dict[str, str]:
    """All names, by their form without capitals."""
    return {name.casefold(): name for name in sorted(available_timezones())}


@tool(
    "time_zone",
    group=Group.VALIDATE,
    examples=[
        Example(
            "a zone", {"zone": "america/sao paulo", "default": "UTC"}, {"zone": "America/Sao_Paulo", "found": True}
        ),
        Example("none", {"zone": "", "default": "Europe/Lisbon"}, {"zone": "Europe/Lisbon", "found": False}),
        Example(
            "of nowhere", {"zone": "Lisboa", "default": "Europe/Lisbon"}, {"zone": "Europe/Lisbon", "found": False}
        ),
    ],
)
async def time_zone(inputs: Inputs) -> Outputs:
    """Find a time zone by its name, or take the default."""
    written = "_".join(without_marks(inputs.zone[:LONGEST]).split()).casefold()
    name = zones().get(written) if len(inputs.zone) <= LONGEST else None
    return Outputs(zone=name or inputs.default, found=name is not None)
