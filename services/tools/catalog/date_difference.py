"""date.difference: how long from one moment to another, in whole units of each kind."""

from __future__ import annotations

from calendar import isleap
from datetime import timedelta

from dateutil.relativedelta import relativedelta
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import TimeZone
from services.tools.toolkit.date_reading import GIVEN, Given, demand
from services.tools.toolkit.working_days import LeapDay, days_of, is_leap_day, working_days_between


class Inputs(BaseInputs):
    """What it takes."""

    start: Given = Field(description=GIVEN)
    end: Given = Field(description="the same; before `start`, all numbers are negative")
    holidays: list[str] = Field(
        default_factory=list, max_length=1000, description="days such as 2026-12-25 that are no working days"
    )
    leap_day: LeapDay = Field(
        default="february_28", description="when a 29 February has its birthday in a year without one"
    )
    time_zone: TimeZone = Field(
        default="UTC", description="on whose calendar days begin; also of a text that names no zone"
    )


class Outputs(BaseModel):
    """What it gives: each number is the whole difference in its unit, without a rest."""

    seconds: int = Field(description="as time passed")
    minutes: int = Field(description="whole minutes")
    hours: int = Field(description="whole hours")
    days: int = Field(description="days by the calendar: from Monday 23:00 to Tuesday 01:00 is 1")
    weeks: int = Field(description="whole weeks of those days")
    months: int = Field(description="whole months by the calendar")
    years: int = Field(description="whole years by the calendar: an age, when `start` is a birthday")
    working_days: int = Field(description="Mondays to Fridays without holidays, after the first day up to the last")


@tool(
    "date.difference",
    group=Group.FORMAT,
    examples=[
        Example("an age", {"start": "1990-06-01", "end": "2026-05-31"}, {"years": 35, "months": 431}),
        Example(
            "hours",
            {"start": "2026-05-31T10:00:00Z", "end": "2026-06-01T11:30:00Z"},
            {"hours": 25, "minutes": 1530, "days": 1},
        ),
        Example("working days", {"start": "2026-05-29", "end": "2026-06-02"}, {"days": 4, "working_days": 2}),
        Example(
            "backwards", {"start": "2026-01-08", "end": "2026-01-01"}, {"days": -7, "weeks": -1, "working_days": -5}
        ),
    ],
)
async def date_difference(inputs: Inputs) -> Outputs:
    """Tell how long it is from one date to another."""
    start = demand(inputs.start, "start", inputs.time_zone).at
    end = demand(inputs.end, "end", inputs.time_zone).at
    sign = -1 if end < start else 1
    early, late = min(start, end), max(start, end)
    seconds = int(late.timestamp()) - int(early.timestamp())
    days = (late.date() - early.date()).days
    born = early.replace(tzinfo=None)
    if inputs.leap_day == "march_1" and is_leap_day(born) and not isleap(late.year):
        born += timedelta(days=1)
    apart = relativedelta(late.replace(tzinfo=None), born)
    return Outputs(
        seconds=sign * seconds,
        minutes=sign * (seconds // 60),
        hours=sign * (seconds // 3600),
        days=sign * days,
        weeks=sign * (days // 7),
        months=sign * (apart.years * 12 + apart.months),
        years=sign * apart.years,
        working_days=sign * working_days_between(early.date(), late.date(), days_of(inputs.holidays)),
    )
