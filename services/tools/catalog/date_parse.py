"""date.parse: a date or time in one of many spellings → ISO 8601 with its zone (date_phrases.py has the rest)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.proved import Proved
from services.flows.refined import Language, Timestamp, TimeZone
from services.tools.toolkit.date_forms import prove_readable
from services.tools.toolkit.date_phrases import FIRST_OF_CENTURY, Order
from services.tools.toolkit.date_reading import Numbers, read, told
from services.tools.toolkit.size_bounds import Text
from services.tools.toolkit.value_texts import as_text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text | int | float = Field(
        description="such as 31/05/2026 14h30, 5 de janeiro de 2026, 2026-05-31T14:30Z, 1767225600"
    )
    formats: Annotated[list[str], Proved(prove_readable)] = Field(
        default_factory=list,
        max_length=20,
        description="only these, such as dd/MM/yyyy HH:mm; empty: all usual spellings",
    )
    order: Order = Field(default="day_first", description="how 1/2/2026 is read")
    language: Language = Field(
        default="pt-PT", description="whose names of months are read beside those of en, pt, es, fr, de and it"
    )
    century: int = Field(
        default=FIRST_OF_CENTURY,
        ge=1000,
        le=9900,
        description="years of two digits are of the hundred that begin here: by 1969, 69 is 1969 and 68 is 2068",
    )
    numbers: Numbers = Field(
        default="unix",
        description="unix: seconds or milliseconds since 1970; excel, excel_1904: up to 7 digits are a day of a sheet"
        ", such as 46173.5",
    )
    time_zone: TimeZone = Field(default="UTC", description="zone of a text that names none, and of what comes out")


class Outputs(BaseModel):
    """What it gives. The texts are empty when the text is no date; then `reason` says so."""

    valid: bool = Field(description="whether the text names one day, or one moment")
    timestamp: Timestamp = Field(
        default="",
        description="2026-05-31T14:30:00+01:00; midnight when the text names a day only",
        json_schema_extra={"given_when": "valid"},
    )
    date: str = Field(default="", description="2026-05-31", json_schema_extra={"given_when": "valid"})
    time: str = Field(default="", description="14:30:00; empty when the text names a day only")
    unix: int = Field(default=0, description="seconds since 1970")
    weekday: int = Field(default=0, description="1 Monday … 7 Sunday")
    reason: str = Field(default="", description="why it is not valid")


@tool(
    "date.parse",
    group=Group.PARSE,
    examples=[
        Example(
            "as people write it",
            {"text": "31/05/2026 14h30", "time_zone": "Europe/Lisbon"},
            {"timestamp": "2026-05-31T14:30:00+01:00", "date": "2026-05-31", "time": "14:30:00", "weekday": 7},
        ),
        Example("a month's name", {"text": "5 de janeiro de 2026"}, {"date": "2026-01-05", "time": ""}),
        Example("in a given form", {"text": "05-31-26", "formats": ["MM-dd-yy"]}, {"date": "2026-05-31"}),
        Example("seconds since 1970", {"text": "1767225600"}, {"timestamp": "2026-01-01T00:00:00+00:00"}),
        Example("not a whole date", {"text": "31 de maio"}, {"valid": False, "timestamp": ""}),
    ],
)
async def date_parse(inputs: Inputs) -> Outputs:
    """Read a date or time in many spellings."""
    text = as_text(inputs.text)
    moment = read(
        text,
        time_zone=inputs.time_zone,
        order=inputs.order,
        language=inputs.language,
        formats=tuple(inputs.formats),
        century=inputs.century,
        numbers=inputs.numbers,
    )
    if moment is None:
        return Outputs(valid=False, reason=f"{text[:60]!r} is no whole date")
    return Outputs(
        valid=True,
        timestamp=told(moment),
        date=moment.at.date().isoformat(),
        time=moment.at.time().replace(microsecond=0).isoformat() if moment.has_time else "",
        unix=int(moment.at.timestamp()),
        weekday=moment.at.isoweekday(),
    )
