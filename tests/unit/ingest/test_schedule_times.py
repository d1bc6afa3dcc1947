"""When schedules are due: wall-clock time in their zone, through changes of clocks, each time once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.flows.declared_triggers import scheduled
from services.ingest.schedule_times import due, following
from services.ingest.sources.schedules_and_polls import Schedule

Missed = Literal["skip", "catch_up"]
EARLY, LATE = datetime(2020, 1, 1), datetime(2035, 1, 1)  # noqa: DTZ001 - hypothesis wants bare bounds
times = st.datetimes(EARLY, LATE, timezones=st.just(UTC))


def schedule(
    cron: str | None = None, every: float | None = None, zone: str = "Europe/Lisbon", missed: Missed = "skip"
) -> Schedule:
    """A schedule of one of both kinds."""
    return Schedule("s", scheduled("schedule.s", {}), "default", cron, every, zone, missed)


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 9 * * *", "2026-01-15T08:00", "2026-01-15T09:00"),  # winter: UTC
        ("0 9 * * *", "2026-07-15T07:00", "2026-07-15T08:00"),  # summer: UTC+1
        ("0 9 * * mon-fri", "2026-03-06T12:00", "2026-03-09T09:00"),  # over a weekend
        ("*/15 * * * *", "2026-03-06T12:00", "2026-03-06T12:15"),  # never the time itself
        ("30 1 29 2 *", "2026-03-06T12:00", "2028-02-29T01:30"),  # the next leap year
    ],
)
def test_cron_is_meant_in_its_time_zone(cron: str, after: str, expected: str) -> None:
    """Nine in the morning is nine in the morning, in winter and summer."""
    assert following(schedule(cron), at(after)) == at(expected)


def test_an_hour_that_is_left_out_fires_when_it_ends() -> None:
    """On 2026-03-29 Lisbon goes from 01:00 to 02:00: half past one is not there, and the day's run is not lost."""
    fired = due(schedule("30 1 * * *", missed="catch_up"), at("2026-03-28T00:00"), at("2026-03-31T00:00"))
    assert fired == [at("2026-03-28T01:30"), at("2026-03-29T01:00"), at("2026-03-30T00:30")]


def test_an_hour_that_comes_twice_fires_once() -> None:
    """On 2026-10-25 Lisbon has half past one twice."""
    fired = due(schedule("30 1 * * *", missed="catch_up"), at("2026-10-24T12:00"), at("2026-10-26T12:00"))
    assert fired == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]


def test_what_comes_every_hour_or_more_often_goes_on_through_changes_of_clocks() -> None:
    """In 25 hours 100 quarters, also those of the hour that comes twice; in 23 hours 23 times a quarter past."""
    often, hourly = schedule("*/15 * * * *", missed="catch_up"), schedule("15 * * * *", missed="catch_up")
    assert len(due(often, at("2026-10-24T22:59"), at("2026-10-25T23:59"))) == 100
    assert len(due(hourly, at("2026-03-28T23:59"), at("2026-03-29T22:59"))) == 23


def test_of_missed_times_the_latest_or_all_as_declared() -> None:
    """After a night without the service."""
    since, now = at("2026-01-01T00:00"), at("2026-01-01T03:05")
    assert due(schedule("0 * * * *"), since, now) == [at("2026-01-01T03:00")]
    assert [time.hour for time in due(schedule("0 * * * *", missed="catch_up"), since, now)] == [1, 2, 3]
    assert due(schedule("0 * * * *"), since, since + timedelta(minutes=59)) == []


@given(
    times,
    st.sampled_from(["*/7 * * * *", "30 1 * * *", "0 0 1 * *", "15,45 2 * * sun"]),
    st.sampled_from(["UTC", "Europe/Lisbon", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_next_time_is_later_and_looking_from_between_gives_the_same(now: datetime, cron: str, zone: str) -> None:
    """So that no replica, whenever it looks, sees another time than the others."""
    one = schedule(cron, zone=zone)
    found = following(one, now)
    assert found > now
    assert following(one, now + (found - now) / 2) == found
    assert following(one, found) > found


@given(
    times,
    st.sampled_from([1, 15, 900, 86_400]),
)
def test_every_is_on_the_same_grid_for_all(now: datetime, every: int) -> None:
    """Counted from 1970 and not from when a replica started."""
    found = following(schedule(every=every), now)
    assert found.timestamp() % every == 0
    assert timedelta() < found - now <= timedelta(seconds=every)
