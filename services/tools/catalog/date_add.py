"""date.add: a moment some time later or earlier, by the calendar (dateutil) or in working days."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, datetime, timedelta
from typing import Literal

from dateutil.relativedelta import relativedelta
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import Timestamp, TimeZone
from services.tools.toolkit.date_reading import GIVEN, Given, Moment, demand, told
from services.tools.toolkit.working_days import LeapDay, after_working_days, days_of, is_leap_day

Snap = Literal["none", "start_of_day", "end_of_day", "start_of_week", "start_of_month", "end_of_month", "start_of_year"]
MOST = 1_000_000


class Inputs(BaseInputs):
    """What it takes. Negative numbers go back."""

    at: Given = Field(description=GIVEN)
    years: int = Field(
        default=0, ge=-1000, le=1000, description="by the calendar: 29 February + 1 year is as `leap_day` says"
    )
    months: int = Field(
        default=0, ge=-12_000, le=12_000, description="by the calendar: 31 January + 1 month is the last of February"
    )
    weeks: int = Field(default=0, ge=-50_000, le=50_000, description="on the clock of the zone")
    days: int = Field(
        default=0, ge=-MOST, le=MOST, description="on the clock of the zone, also over a change to summer time"
    )
    working_days: int = Field(default=0, ge=-5000, le=5000, description="Monday to Friday, without the holidays")
    holidays: list[str] = Field(
        default_factory=list, max_length=1000, description="days such as 2026-12-25 that are no working days"
    )
    leap_day: LeapDay = Field(
        default="february_28", description="where whole years from a 29 February end in a year without one"
    )
    hours: int = Field(default=0, ge=-MOST, le=MOST, description="as time passes")
    minutes: int = Field(default=0, ge=-MOST * 60, le=MOST * 60, description="as time passes")
    seconds: int = Field(default=0, ge=-MOST * 3600, le=MOST * 3600, description="as time passes")
    snap: Snap = Field(
        default="none", description="at last, to the start or end of a day, week (Monday), month or year"
    )
    time_zone: TimeZone = Field(default="UTC", description="on whose clock; also of a text that names no zone")


class Outputs(BaseModel):
    """What it gives."""

    timestamp: Timestamp = Field(description="2026-05-31T14:30:00+01:00")
    date: str = Field(description="2026-05-31")
    unix: int = Field(description="seconds since 1970")
    weekday: int = Field(description="1 Monday … 7 Sunday")


def calendar_years(inputs: Inputs) -> bool:
    """Whether years are added, and no days that would go on from there."""
    years, rest = divmod(inputs.years * 12 + inputs.months, 12)
    return years != 0 and not rest and not inputs.weeks and not inputs.days


def snapped(at: datetime, snap: Snap) -> datetime:
    """The start or end, on the same clock."""
    if snap == "none":
        return at
    if snap == "end_of_day":
        return at.replace(hour=23, minute=59, second=59, microsecond=0)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if snap == "start_of_week":
        return midnight - timedelta(days=midnight.weekday())
    if snap == "start_of_month":
        return midnight.replace(day=1)
    if snap == "end_of_month":
        return midnight.replace(hour=23, minute=59, second=59) + relativedelta(day=31)
    return midnight.replace(month=1, day=1) if snap == "start_of_year" else midnight


@tool(
    "date.add",
    group=Group.FORMAT,
    examples=[
        Example(
            "three days later", {"at": "2026-05-31T10:00:00Z", "days": 3}, {"timestamp": "2026-06-03T10:00:00+00:00"}
        ),
        Example("the end of next month", {"at": "2026-01-31", "months": 1}, {"date": "2026-02-28"}),
        Example(
            "working days over Christmas",
            {"at": "2026-12-23", "working_days": 2, "holidays": ["2026-12-25"]},
            {"date": "2026-12-28"},
        ),
        Example(
            "the clock stays over a change to summer time",
            {"at": "2026-03-28T09:00:00Z", "days": 1, "time_zone": "Europe/Lisbon"},
            {"timestamp": "2026-03-29T09:00:00+01:00"},
        ),
    ],
)
async def date_add(inputs: Inputs) -> Outputs:
    """Add years, months, days, working days or hours to a date."""
    start = demand(inputs.at, "at", inputs.time_zone)
    try:
        at = start.at + relativedelta(years=inputs.years, months=inputs.months, weeks=inputs.weeks, days=inputs.days)
        if inputs.leap_day == "march_1" and is_leap_day(start.at) and calendar_years(inputs) and not isleap(at.year):
            at += timedelta(days=1)
        if inputs.working_days:
            at = after_working_days(at, inputs.working_days, days_of(inputs.holidays))
        passing = timedelta(hours=inputs.hours, minutes=inputs.minutes, seconds=inputs.seconds)
        # Through UTC, so that hours pass as they do, and a clock time that does not exist becomes one that does.
        at = snapped((at.astimezone(UTC) + passing).astimezone(at.tzinfo), inputs.snap)
        at = at.astimezone(UTC).astimezone(at.tzinfo)
    except (OverflowError, ValueError):
        raise ToolError("the date would not be within the years 1 to 9999") from None
    return Outputs(
        timestamp=told(Moment(at, has_time=True)),
        date=at.date().isoformat(),
        unix=int(at.timestamp()),
        weekday=at.isoweekday(),
    )
