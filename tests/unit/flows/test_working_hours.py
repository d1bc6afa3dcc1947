"""Working hours on the wall: weekends, holidays, nights, and the two days a year on which the clock jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.flows.working_hours import HoursError, WorkingHours, days_of, holidays_of, stretches_of, zone_of

LISBON = ZoneInfo("Europe/Lisbon")
NEW_YORK = ZoneInfo("America/New_York")
OFFICE = WorkingHours(LISBON, holidays=holidays_of(["2026-12-25"]))
SPLIT = WorkingHours(LISBON, stretches=stretches_of("09:00-13:00,14:00-18:00"))
NIGHT = WorkingHours(LISBON, days_of("fri"), stretches_of("22:00-06:00"))


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        (OFFICE, "2026-11-24T10:00", "2026-11-24T10:00"),  # within them
        (OFFICE, "2026-11-24T07:00", "2026-11-24T09:00"),  # before
        (OFFICE, "2026-11-24T18:00", "2026-11-25T09:00"),  # their end is outside
        (OFFICE, "2026-11-27T19:00", "2026-11-30T09:00"),  # over the weekend
        (OFFICE, "2026-12-24T19:00", "2026-12-28T09:00"),  # over a holiday and the weekend
        (SPLIT, "2026-11-24T13:30", "2026-11-24T14:00"),  # between two stretches
        (NIGHT, "2026-11-28T03:00", "2026-11-28T03:00"),  # the night of Friday goes on on Saturday
        (NIGHT, "2026-11-28T06:00", "2026-12-04T22:00"),
        (NIGHT, "2026-11-27T03:00", "2026-11-27T22:00"),  # Friday morning belongs to Thursday
    ],
)
def test_the_next_moment_in_working_hours(hours: WorkingHours, moment: str, expected: str) -> None:
    found = hours.next(datetime.fromisoformat(moment).replace(tzinfo=LISBON))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=LISBON)


@pytest.mark.parametrize(("day", "utc"), [("2026-03-27", "09:00"), ("2026-03-30", "08:00"), ("2026-10-26", "09:00")])
def test_nine_o_clock_is_nine_o_clock_in_summer_and_winter(day: str, utc: str) -> None:
    """Lisbon's clocks change on 2026-03-29 and 2026-10-25."""
    assert OFFICE.next(datetime.fromisoformat(f"{day}T00:00+00:00")) == datetime.fromisoformat(f"{day}T{utc}+00:00")


def test_hours_that_the_clock_skips_begin_when_it_goes_on() -> None:
    """In New York there is no 02:30 on 2026-03-08: the clock goes from 02:00 to 03:00, which is 07:00 UTC."""
    hours = WorkingHours(NEW_YORK, days_of("sun"), stretches_of("02:30-04:00"))
    assert hours.next(datetime(2026, 3, 8, 5, tzinfo=UTC)) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_hours_that_end_at_a_time_that_the_clock_skips_end_when_it_goes_on() -> None:
    """In Lisbon there is no 01:30 on 2024-03-31: the clock goes from 01:00 to 02:00, which is 01:00 UTC."""
    hours = WorkingHours(LISBON, days_of("sun"), stretches_of("00:30-01:30"))
    within = datetime(2024, 3, 31, 0, 59, tzinfo=UTC)
    assert hours.next(within) == within
    assert hours.next(datetime(2024, 3, 31, 1, tzinfo=UTC)) == datetime(2024, 4, 6, 23, 30, tzinfo=UTC)


def test_hours_that_the_clock_skips_as_a_whole_are_not_on_that_day() -> None:
    hours = WorkingHours(LISBON, days_of("sun"), stretches_of("01:15-01:45"))
    assert hours.next(datetime(2024, 3, 31, tzinfo=UTC)) == datetime(2024, 4, 7, 0, 15, tzinfo=UTC)


def test_hours_that_come_twice_begin_at_the_first_and_end_at_the_second() -> None:
    """In New York 01:30 comes twice on 2026-11-01: at 05:30 and at 06:30 UTC."""
    hours = WorkingHours(NEW_YORK, days_of("sun"), stretches_of("00:30-01:30"))
    within = datetime(2026, 11, 1, 6, 29, tzinfo=UTC)
    assert hours.next(within) == within
    assert hours.next(datetime(2026, 11, 1, 6, 30, tzinfo=UTC)).date() == datetime(2026, 11, 8, tzinfo=UTC).date()


def test_a_year_of_holidays_is_a_fault_and_not_a_loop() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    every = holidays_of([(first + timedelta(days=n)).date().isoformat() for n in range(800)])
    with pytest.raises(HoursError, match="no working hours within 400 days"):
        WorkingHours(LISBON, holidays=every).next(first + timedelta(days=2))


@pytest.mark.parametrize("stretches", ["00:30-01:30", "01:30-02:30", "01:15-01:45", "23:00-01:30", "01:30-03:00"])
@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Lisbon", "2024-03-31"),
        ("America/New_York", "2026-03-08"),
        ("Australia/Lord_Howe", "2026-10-04"),  # by half an hour
        ("Africa/Cairo", "2024-04-26"),  # at midnight
        ("Pacific/Apia", "2011-12-30"),  # a whole day
    ],
)
def test_where_the_clock_is_set_forward_a_moment_is_in_hours_when_it_shows_so(
    zone: str, day: str, stretches: str
) -> None:
    """Each five minutes of three days, by what a clock on the wall shows."""
    hours = WorkingHours(ZoneInfo(zone), frozenset(range(7)), stretches_of(stretches))
    ((begins, ends),) = hours.stretches
    first = datetime.fromisoformat(f"{day}T00:00+00:00") - timedelta(days=1)
    for minute in range(0, 3 * 24 * 60, 5):
        moment = first + timedelta(minutes=minute)
        shown = moment.astimezone(hours.zone).time()
        expected = begins <= shown < ends if begins < ends else shown >= begins or shown < ends
        assert (hours.next(moment) == moment) is expected, (moment, shown)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.sampled_from([LISBON, NEW_YORK, ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")]),
    st.sampled_from(["09:00-18:00", "22:00-06:00", "00:00-24:00", "01:30-02:30,14:00-15:00"]),
    st.frozensets(st.integers(0, 6), min_size=1),
)
@example(datetime(2024, 3, 31, tzinfo=UTC), LISBON, "01:30-02:30,14:00-15:00", frozenset({6}))  # no 01:30 on that day
@example(datetime(2026, 3, 8, tzinfo=UTC), NEW_YORK, "01:30-02:30,14:00-15:00", frozenset({6}))
def test_the_answer_is_never_earlier_and_stays_where_it_is(
    moment: datetime, zone: ZoneInfo, stretches: str, days: frozenset[int]
) -> None:
    """What working hours answer lies in them."""
    hours = WorkingHours(zone, days, stretches_of(stretches))
    found = hours.next(moment)
    assert found >= moment
    assert hours.next(found) == found


@pytest.mark.parametrize("text", ["", "mon-", "moonday-", "mon..fri", "1-5"])
def test_what_are_no_days(text: str) -> None:
    with pytest.raises(HoursError, match="write days such as"):
        days_of(text)


@pytest.mark.parametrize("text", ["", "9-18", "09:00", "25:00-26:00", "09:60-10:00", "24:01-25:00"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(HoursError, match="are no hours"):
        stretches_of(text)


def test_days_and_zones_are_read_as_people_write_them() -> None:
    assert days_of("Mon-Fri") == frozenset(range(5))
    assert days_of("fri-mon, Wednesday") == frozenset({4, 5, 6, 0, 2})
    assert zone_of("Europe/Lisbon") == LISBON
    with pytest.raises(HoursError, match="is no time zone"):
        zone_of("Lisbon")
    with pytest.raises(HoursError, match="is no day"):
        holidays_of(["25.12.2026"])
