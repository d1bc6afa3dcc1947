"""date.format: a moment as people read it, in their language and zone (babel)."""

from __future__ import annotations

from typing import Annotated, Literal

from babel.dates import format_date, format_datetime, format_time
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.proved import Proved
from services.flows.refined import Language, TimeZone, locale
from services.tools.toolkit.date_forms import MAX_FORM, cldr_form, prove_form
from services.tools.toolkit.date_reading import GIVEN, Given, demand

STYLES = ("short", "medium", "long", "full")


class Inputs(BaseInputs):
    """What it takes."""

    at: Given = Field(description=GIVEN)
    format: Annotated[str, Proved(lambda form: form in STYLES or prove_form(form))] = Field(
        default="yyyy-MM-dd",
        min_length=1,
        max_length=MAX_FORM,
        description="such as dd/MM/yyyy HH:mm, EEEE d MMMM; or short, medium, long, full: as is usual in the language",
    )
    show: Literal["date", "time", "both"] = Field(default="date", description="what short, medium, long and full show")
    language: Language = Field(default="pt-PT", description="whose names of days and months")
    time_zone: TimeZone = Field(default="UTC", description="on whose clock; also of a text that names no zone")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the date or time")


@tool(
    "date.format",
    group=Group.FORMAT,
    examples=[
        Example(
            "for a message",
            {"at": "2026-05-31T13:30:00Z", "format": "dd/MM/yyyy HH:mm", "time_zone": "Europe/Lisbon"},
            {"text": "31/05/2026 14:30"},
        ),
        Example("in words", {"at": "2026-05-31", "format": "long"}, {"text": "31 de maio de 2026"}),
        Example("a day's name", {"at": "2026-05-31", "format": "EEEE", "language": "en"}, {"text": "Sunday"}),
    ],
)
async def date_format(inputs: Inputs) -> Outputs:
    """Write a date or time in a form, a language and a time zone."""
    at = demand(inputs.at, "at", inputs.time_zone).at
    language = locale(inputs.language)
    if inputs.format not in STYLES:
        return Outputs(text=format_datetime(at, cldr_form(inputs.format), locale=language, tzinfo=at.tzinfo))
    if inputs.show == "date":
        return Outputs(text=format_date(at, inputs.format, locale=language))
    if inputs.show == "time":
        return Outputs(text=format_time(at, inputs.format, locale=language, tzinfo=at.tzinfo))
    return Outputs(text=format_datetime(at, inputs.format, locale=language, tzinfo=at.tzinfo))
