"""date.parse, date.format, date.add, date.difference."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.flows.catalogue import ToolError
from services.tools.catalog.date_add import date_add
from services.tools.catalog.date_difference import date_difference
from services.tools.catalog.date_format import date_format
from services.tools.catalog.date_parse import date_parse
from tests.support.tools import use


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2026-05-31", "2026-05-31T00:00:00+01:00"),
        ("20260531", "2026-05-31T00:00:00+01:00"),
        ("2026-01-02", "2026-01-02T00:00:00+00:00"),
        ("1/2/2026", "2026-02-01T00:00:00+00:00"),
        ("31.12.2026", "2026-12-31T00:00:00+00:00"),
        ("31/12/26", "2026-12-31T00:00:00+00:00"),
        ("31/12/2026 às 14h30", "2026-12-31T14:30:00+00:00"),
        ("segunda-feira, 5 de janeiro de 2026", "2026-01-05T00:00:00+00:00"),
        ("5 jan. 2026", "2026-01-05T00:00:00+00:00"),
        ("Jan 5, 2026 3pm", "2026-01-05T15:00:00+00:00"),
        ("Mon, 05 Jan 2026 10:00:00 +0100", "2026-01-05T09:00:00+00:00"),
        ("2026-05-31T14:30:00.123Z", "2026-05-31T15:30:00+01:00"),
        ("1767225600000", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_many_spellings(text: str, timestamp: str) -> None:
    """Day first, as in Portugal; ISO is never turned round; what has an offset is told on Lisbon's clock."""
    assert use(date_parse, text=text, time_zone="Europe/Lisbon")["timestamp"] == timestamp


@pytest.mark.parametrize(
    "text",
    ["", "hello", "12", "31 de maio", "10:30", "2026-02-30", "31/02/2026", "9" * 30, "x" * 500, "2026", "maio 2026"],
)
def test_half_a_date_is_none(text: str) -> None:
    """Nothing is filled in from today: there is no today in a tool."""
    found = use(date_parse, text=text)
    assert (found["valid"], found["timestamp"]) == (False, "")
    assert "is no whole date" in found["reason"]


def test_order_decides_what_is_ambiguous() -> None:
    """And only that: 31/1 is January either way."""
    assert use(date_parse, text="1/2/2026", order="month_first")["date"] == "2026-01-02"
    assert use(date_parse, text="31/1/2026", order="month_first")["date"] == "2026-01-31"
    assert use(date_parse, text="26/1/2", order="year_first")["date"] == "2026-01-02"


@pytest.mark.parametrize(
    ("text", "form", "date"),
    [
        ("31-05-26", "dd-MM-yy", "2026-05-31"),
        ("2026 | 05 | 31", "yyyy | MM | dd", "2026-05-31"),
        ("31/05/2026", "DD/MM/YYYY", "2026-05-31"),
        ("31 o'clock 05 2026", "dd 'o''clock' MM yyyy", "2026-05-31"),
        ("31 5 2026 100%", "d M yyyy 100%", "2026-05-31"),
        ("05/31/2026", "dd/MM/yyyy", ""),
    ],
)
def test_given_formats_are_the_only_ones(text: str, form: str, date: str) -> None:
    """In the letters that date.format writes too."""
    assert use(date_parse, text=text, formats=[form])["date"] == date


@pytest.mark.parametrize(("form", "told"), [("QQQQQ", "means nothing"), ("'x", "does not end"), ("w", "not read")])
def test_a_wrong_format_is_told(form: str, told: str) -> None:
    """To the author."""
    with pytest.raises(ToolError, match=told):
        use(date_parse, text="1", formats=[form])


def test_an_unknown_zone_is_refused_before_the_run() -> None:
    """With an example; a folder of zones is none."""
    for name in ("Lisbon", "Europe", "../etc/passwd", ""):
        with pytest.raises(ValidationError, match=r"is no time zone\. Write a name such as Europe/Lisbon"):
            use(date_parse, text="1", time_zone=name)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"format": "EEEE, d 'de' MMMM"}, "domingo, 31 de maio"),
        ({"format": "full", "language": "en-GB"}, "Sunday, 31 May 2026"),
        ({"format": "short", "show": "time", "time_zone": "America/Sao_Paulo"}, "10:30"),
        ({"format": "hh:mm a", "language": "en", "time_zone": "Asia/Tokyo"}, "10:30 PM"),
        ({"format": "DD/MM/YYYY"}, "31/05/2026"),
    ],
)
def test_writing(inputs: dict[str, str], text: str) -> None:
    """On the wanted clock, in the wanted language."""
    assert use(date_format, at="2026-05-31T13:30:00Z", **inputs)["text"] == text


def test_what_is_no_time_is_told_with_the_remedy() -> None:
    """The tools on dates take ISO 8601; date.parse makes it."""
    with pytest.raises(ToolError, match=r"at is '31/05/2026'.*date\.parse makes one"):
        use(date_format, at="31/05/2026")


@pytest.mark.parametrize(
    ("inputs", "timestamp"),
    [
        ({"at": "2026-01-31", "months": 1}, "2026-02-28T00:00:00+00:00"),
        ({"at": "2024-02-29", "years": 1}, "2025-02-28T00:00:00+00:00"),
        ({"at": "2026-01-01", "seconds": -1}, "2025-12-31T23:59:59+00:00"),
        ({"at": "2026-05-29", "working_days": 1}, "2026-06-01T00:00:00+00:00"),
        ({"at": "2026-05-31", "working_days": -1}, "2026-05-29T00:00:00+00:00"),
        ({"at": "2026-05-15", "snap": "end_of_month"}, "2026-05-31T23:59:59+00:00"),
        ({"at": "2026-05-31", "snap": "start_of_week"}, "2026-05-25T00:00:00+00:00"),
        ({"at": "2026-05-15T10:00:00Z", "snap": "start_of_year"}, "2026-01-01T00:00:00+00:00"),
        ({"at": "2026-03-29T00:30:00Z", "hours": 1, "time_zone": "Europe/Lisbon"}, "2026-03-29T02:30:00+01:00"),
        ({"at": "2026-03-28T01:30:00Z", "days": 1, "time_zone": "Europe/Lisbon"}, "2026-03-29T02:30:00+01:00"),
        ({"at": "2026-10-24T09:00:00Z", "days": 1, "time_zone": "Europe/Lisbon"}, "2026-10-25T10:00:00+00:00"),
    ],
)
def test_adding(inputs: dict[str, object], timestamp: str) -> None:
    """Days by the clock, hours as they pass; a time that summer time skips becomes one that exists."""
    assert use(date_add, **inputs)["timestamp"] == timestamp


def test_beyond_the_calendar_is_told() -> None:
    """Both ends."""
    for inputs in (
        {"at": "9999-12-31", "days": 1},
        {"at": "0001-01-01", "seconds": -1},
        {"at": "9999-12-31", "working_days": 9},
    ):
        with pytest.raises(ToolError, match="years 1 to 9999"):
            use(date_add, **inputs)


def test_a_wrong_holiday_is_told() -> None:
    """By its text."""
    with pytest.raises(ToolError, match="holidays has '25/12'"):
        use(date_add, at="2026-01-01", working_days=1, holidays=["25/12"])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-05-29T22:00:00Z", "2026-05-30T00:00:00Z", {"hours": 2, "days": 1, "working_days": 0}),
        ("2000-02-29", "2026-02-28", {"years": 26, "months": 312}),
        ("2026-12-24", "2027-01-04", {"days": 11, "working_days": 6}),
        ("2026-03-28T12:00:00+00:00", "2026-03-29T12:00:00+01:00", {"hours": 23, "days": 1}),
    ],
)
def test_differences(start: str, end: str, expected: dict[str, int]) -> None:
    """Each unit is whole; the day of summer time has 23 hours; 29 February has its birthday on the 28th."""
    found = use(date_difference, start=start, end=end, holidays=["2026-12-25"], time_zone="Europe/Lisbon")
    assert {name: found[name] for name in expected} == expected
    back = use(date_difference, start=end, end=start, holidays=["2026-12-25"], time_zone="Europe/Lisbon")
    assert all(back[name] == -found[name] for name in found)
