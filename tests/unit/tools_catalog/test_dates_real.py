"""Dates as people and systems write them. Names of months and days: CLDR; zones: RFC 2822, tz; serials: ECMA-376."""

from __future__ import annotations

import pytest
from babel.dates import get_day_names, get_month_names

from services.flows.catalogue import ToolError
from services.tools.catalog.date_add import date_add
from services.tools.catalog.date_difference import date_difference
from services.tools.catalog.date_format import date_format
from services.tools.catalog.date_parse import date_parse
from services.tools.catalog.filter import filter_values
from services.tools.catalog.list_sort import list_sort
from services.tools.toolkit.date_words import ALWAYS, NAMES, folded, words
from tests.support.tools import use

DAYS = {
    # year first: never day and month swapped
    "2026-05-06 10:00:00 UTC": "2026-05-06",
    "2026/05/06": "2026-05-06",
    "2026.05.06": "2026-05-06",
    "2026 05 06": "2026-05-06",
    "2026-5-6": "2026-05-06",
    "2026年5月6日": "2026-05-06",
    "20260506": "2026-05-06",
    "2026/31/05": "",
    "2026-02-30": "",
    "2026-13-01": "",
    # years of two digits
    "31/12/68": "2068-12-31",
    "31/12/69": "1969-12-31",
    "1/2/00": "2000-02-01",
    "99/05/31": "1999-05-31",
    "5 jan '26": "2026-01-05",
    # names
    "1 de marco de 2026": "2026-03-01",
    "1º de março de 2026": "2026-03-01",
    "1.º de maio de 2026": "2026-05-01",
    "1ª maio 2026": "2026-05-01",
    "primeiro de maio de 2026": "2026-05-01",
    "5 de fev. de 2026": "2026-02-05",
    "31-mai-2026": "2026-05-31",
    "terça-feira, 6 de janeiro de 2026": "2026-01-06",
    "TERCA-FEIRA 6 DE JANEIRO DE 2026": "2026-01-06",
    "sabado, 10/01/2026": "2026-01-10",
    "miércoles, 7 de enero de 2026": "2026-01-07",
    "miercoles 7 ene 2026": "2026-01-07",
    "4 de setiembre de 2026": "2026-09-04",
    "1ro de mayo 2026": "2026-05-01",
    "jeudi 5 février 2026": "2026-02-05",
    "5 fevrier 2026": "2026-02-05",
    "1er mai 2026": "2026-05-01",
    "2e août 2026": "2026-08-02",
    "12 aout 2026": "2026-08-12",
    "5 janv. 2026": "2026-01-05",
    "mar. 5 mai 2026": "2026-05-05",
    "mar 3 mars 2026": "2026-03-03",
    "Mittwoch, den 7. Januar 2026": "2026-01-07",
    "3. März 2026": "2026-03-03",
    "3 Maerz 2026": "2026-03-03",
    "3 Mrz. 2026": "2026-03-03",
    "7. Jänner 2026": "2026-01-07",
    "lunedì 5 gennaio 2026": "2026-01-05",
    "lunedi 5 gen 2026": "2026-01-05",
    "1° maggio 2026": "2026-05-01",
    "May 3rd, 2026": "2026-05-03",
    "the 22nd of May 2026": "2026-05-22",
    "March 2026": "",
    "Marching 5 2026": "",
    "5 de nonsense de 2026": "",
    # invisible marks, digits of other scripts
    "\u200e31/05/2026\u200b": "2026-05-31",
    "٣١/٠٥/٢٠٢٦": "2026-05-31",
    "31/05/2026": "2026-05-31",
    "29/02/2024": "2024-02-29",
    "29/02/2026": "",
    "46173": "",
    "912 345 678": "",
    "192.168.1.10": "",
    "1.2.3.4": "",
}


@pytest.mark.parametrize(("text", "expected"), DAYS.items())
def test_the_day_is_the_right_one_or_none(text: str, expected: str) -> None:
    """In every order, for every text that names its year first or in four digits with a month's name."""
    found = use(date_parse, text=text)
    assert (found["date"], found["valid"]) == (expected, bool(expected))
    if text[:4].isdecimal() and expected:
        for order in ("month_first", "year_first"):
            assert use(date_parse, text=text, order=order)["date"] == expected


@pytest.mark.parametrize("language", ALWAYS)
def test_every_name_of_a_month_is_read_with_and_without_accents(language: str) -> None:
    """Those of the CLDR in six languages, whatever language the flow says; a day's name beside it does no harm."""
    for width, context in NAMES:
        days = get_day_names(width, context, language)
        for number, name in get_month_names(width, context, language).items():
            for spelling in (name, folded(name), name.upper()):
                text = f"{days[number % 7]}, 5 {spelling} 2026"
                assert use(date_parse, text=text, language="pt-PT")["date"] == f"2026-{number:02}-05", text


def test_no_name_means_two_months() -> None:
    """So that reading six languages at once is safe."""
    for one in ALWAYS:
        for other in ALWAYS:
            mine, theirs = words(one).months, words(other).months
            assert {name for name in mine if mine[name] != theirs.get(name, mine[name])} == set()


MOMENTS = {
    "2026-05-06 10:00:00 UTC": "2026-05-06T10:00:00+00:00",
    "2026-05-06 10:00:00 +0300": "2026-05-06T07:00:00+00:00",
    "2026-05-06T10:00:00 Europe/Lisbon": "2026-05-06T09:00:00+00:00",
    "2026-05-06T10:00:00+01:00[Europe/Lisbon]": "2026-05-06T09:00:00+00:00",
    "06/05/2026 10:00 America/Sao_Paulo": "2026-05-06T13:00:00+00:00",
    "06/05/2026 10:00 EST": "2026-05-06T15:00:00+00:00",
    "06/05/2026 10:00 WEST": "2026-05-06T09:00:00+00:00",
    "06/05/2026 10:00 BRT": "2026-05-06T13:00:00+00:00",
    "06/05/2026 10:00 GMT+1": "2026-05-06T09:00:00+00:00",
    "06/05/2026 10:00 UTC-03:00": "2026-05-06T13:00:00+00:00",
    "06/05/2026 10:00 -03": "2026-05-06T13:00:00+00:00",
    "Wed May 06 2026 10:00:00 GMT+0100 (Western European Summer Time)": "2026-05-06T09:00:00+00:00",
    "Wed, 6 May 2026 10:00:00 GMT": "2026-05-06T10:00:00+00:00",
    "Wed May  6 10:00:00 UTC 2026": "2026-05-06T10:00:00+00:00",
    "10:00 CET 06/05/2026": "2026-05-06T09:00:00+00:00",
    "06/05/2026 10:00 XYZ": "",
    "06/05/2026 10:00 IST": "",
    "06/05/2026 10:00 Europe/Nowhere": "",
    "06/05/2026 10:00 +25:00": "",
    "20260506103000": "2026-05-06T10:30:00+00:00",
    "20261306103000": "",
    "1767225600": "2026-01-01T00:00:00+00:00",
    "1767225600.5": "2026-01-01T00:00:00+00:00",
    "1767225600000": "2026-01-01T00:00:00+00:00",
    "946684800000": "2000-01-01T00:00:00+00:00",
    "06/05/2026 14h": "2026-05-06T14:00:00+00:00",
    "06/05/2026 às 14h30": "2026-05-06T14:30:00+00:00",
    "06/05/2026 14h30min": "2026-05-06T14:30:00+00:00",
    "14h 06/05/2026": "2026-05-06T14:00:00+00:00",
    "06/05/2026 14:30h": "2026-05-06T14:30:00+00:00",
    "6 mai 2026 à 14 h 30": "2026-05-06T14:30:00+00:00",
    "6. Mai 2026, 14.30 Uhr": "2026-05-06T14:30:00+00:00",
    "6. Mai 2026 um 14 Uhr": "2026-05-06T14:00:00+00:00",
    "6 maggio 2026 ore 14.30": "2026-05-06T14:30:00+00:00",
    "6 de mayo de 2026, 2:30 p. m.": "2026-05-06T14:30:00+00:00",
    "May 6, 2026 12am": "2026-05-06T00:00:00+00:00",
    "06/05/2026 12:15 PM": "2026-05-06T12:15:00+00:00",
    "06/05/2026 13 pm": "",
    "06/05/2026 25:00": "",
    "06/05/2026 10:60": "",
}


@pytest.mark.parametrize(("text", "expected"), MOMENTS.items())
def test_the_moment_is_the_right_one_or_none(text: str, expected: str) -> None:
    """A zone is applied, or the text is no moment: a word that nobody knows is never passed over."""
    assert use(date_parse, text=text)["timestamp"] == expected


def test_years_of_two_digits_go_by_a_rule_that_can_be_set() -> None:
    """The same in words, in numbers and by formats; no clock is seen."""
    for inputs in ({"text": "1/5/30"}, {"text": "1 mai 30"}, {"text": "30-05-01", "formats": ["yy-MM-dd"]}):
        assert use(date_parse, **inputs)["date"] == "2030-05-01"
        assert use(date_parse, century=1930, **inputs)["date"] == "1930-05-01"
        assert use(date_parse, century=1931, **inputs)["date"] == "2030-05-01"


@pytest.mark.parametrize(
    ("text", "numbers", "expected"),
    [
        ("46173", "excel", "2026-05-31T00:00:00+00:00"),
        ("46173.5", "excel", "2026-05-31T12:00:00+00:00"),
        ("46173,75", "excel", "2026-05-31T18:00:00+00:00"),
        (46173.604166666664, "excel", "2026-05-31T14:30:00+00:00"),
        (46173, "excel", "2026-05-31T00:00:00+00:00"),
        ("1", "excel", "1900-01-01T00:00:00+00:00"),
        ("59", "excel", "1900-02-28T00:00:00+00:00"),
        ("60", "excel", ""),
        ("61", "excel", "1900-03-01T00:00:00+00:00"),
        ("44711", "excel_1904", "2026-05-31T00:00:00+00:00"),
        ("1767225600", "excel", "2026-01-01T00:00:00+00:00"),
        ("31/05/2026", "excel", "2026-05-31T00:00:00+00:00"),
        ("9999999", "excel", ""),
        (1767225600, "unix", "2026-01-01T00:00:00+00:00"),
        (1767225600000, "unix", "2026-01-01T00:00:00+00:00"),
        (1767225600.25, "unix", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_a_spreadsheets_numbers_are_days_where_the_flow_says_so(text: object, numbers: str, expected: str) -> None:
    """Its day 60 never was."""
    assert use(date_parse, text=text, numbers=numbers)["timestamp"] == expected


@pytest.mark.parametrize(
    "at", ["1767225600", "1767225600000", 1767225600, 1767225600000, 1767225600.0, "20260101000000"]
)
def test_seconds_and_milliseconds_are_taken_by_every_tool_on_dates(at: object) -> None:
    """As text and as number."""
    assert use(date_add, at=at)["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert use(date_format, at=at)["text"] == "2026-01-01"
    assert use(date_difference, start=at, end="2026-01-02")["days"] == 1
    condition = {"value": at, "test": "same_day", "against": "2026-01-01"}
    assert use(filter_values, all=[condition])["passed"]
    assert use(list_sort, items=["2026-01-02", at, "2025-12-31"], by="date")["items"][1] == at


@pytest.mark.parametrize("at", [1e300, float("nan"), 12, True, "", "31/05/2026"])
def test_what_is_no_moment_is_told(at: object) -> None:
    """To the author, with the tool that reads it."""
    with pytest.raises(ToolError, match=r"date\.parse makes one"):
        use(date_format, at=at)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-03-29 01:30", "Europe/Lisbon", "2026-03-29T02:30:00+01:00"),
        ("29/03/2026 01:30", "Europe/Lisbon", "2026-03-29T02:30:00+01:00"),
        ("2026-10-25 01:30", "Europe/Lisbon", "2026-10-25T01:30:00+01:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"),
    ],
)
def test_a_time_that_summer_time_skips_is_the_one_that_date_add_gives(text: str, zone: str, expected: str) -> None:
    """Of a time that comes twice, the first."""
    found = use(date_parse, text=text, time_zone=zone)["timestamp"]
    assert found == expected
    if text.startswith("20"):
        assert use(date_add, at=text, time_zone=zone)["timestamp"] == expected


def test_a_29_february_is_in_other_years_when_the_flow_says() -> None:
    """The 28th, or 1 March; also for an age."""
    for rule, day, age in (("february_28", "2026-02-28", 26), ("march_1", "2026-03-01", 25)):
        assert use(date_add, at="2000-02-29", years=26, leap_day=rule)["date"] == day
        assert use(date_difference, start="2000-02-29", end="2026-02-28", leap_day=rule)["years"] == age
        assert use(date_difference, start="2000-02-29", end="2026-03-01", leap_day=rule)["years"] == 26
        assert use(date_add, at="2000-02-29", years=4, leap_day=rule)["date"] == "2004-02-29"
        assert use(date_add, at="2000-02-29", days=366, leap_day=rule)["date"] == "2001-03-01"
