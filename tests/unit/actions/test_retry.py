"""When a failed call is made again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.actions import Retry
from contracts.errors import ErrorCode
from services.actions.attempt.retry import LONGEST_SECONDS, Schedule
from services.actions.http_statuses import StatusMeaning, meaning_of, retry_after_seconds

AT = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def test_waits_double_up_to_the_longest() -> None:
    """With the highest chance: the ceiling of each wait."""
    schedule = Schedule(attempts=20, within_seconds=1e9)
    waits = [schedule.wait_seconds(made, 0, chance=lambda: 1.0) for made in range(1, 10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_attempts_end() -> None:
    """The flow's number counts all attempts, the first too."""
    schedule = Schedule.of(Retry(attempts=2, within_seconds=60))
    assert schedule.wait_seconds(1, 0, chance=lambda: 0.5) == 0.25
    assert schedule.wait_seconds(2, 0, chance=lambda: 0.0) is None


def test_a_schedule_is_kept() -> None:
    """Its waits in turn, with a little jitter; then no more. A longer Retry-After takes the place of one."""
    schedule = Schedule.of(Retry(schedule_seconds=[10, 60, 600]))
    waits = [schedule.wait_seconds(made, 1e6, chance=lambda: 0.0) for made in range(1, 5)]
    assert waits == [10, 60, 600, None]
    assert schedule.wait_seconds(1, 0, chance=lambda: 1.0) == 10.5
    assert schedule.wait_seconds(1, 0, retry_after_seconds=30, chance=lambda: 0.0) == 30
    assert schedule.wait_seconds(2, 0, retry_after_seconds=30, chance=lambda: 0.0) == 60
    ended = Schedule.of(Retry(schedule_seconds=[10, 60], within_seconds=30))
    assert [ended.wait_seconds(made, 11 * (made - 1), chance=lambda: 0.0) for made in (1, 2)] == [10, None]


def test_a_schedule_outlives_its_message() -> None:
    """The end that is not given is none, also after it was written and read."""
    retry = Retry(schedule_seconds=[10] * 3)
    assert Retry.model_validate_json(retry.to_bytes()) == retry
    assert retry.attempts == 4
    with pytest.raises(ValidationError):
        Retry(schedule_seconds=[10] * 100)


def test_time_ends() -> None:
    """A wait that would end too late is not begun."""
    schedule = Schedule(attempts=9, within_seconds=10)
    assert schedule.wait_seconds(1, 9.6, chance=lambda: 0.5) == 0.25
    assert schedule.wait_seconds(1, 9.8, chance=lambda: 0.5) is None


def test_retry_after_is_the_least_wait() -> None:
    """Never earlier than the destination asked for, however long: that time does not count."""
    schedule = Schedule(attempts=9, within_seconds=10)
    assert schedule.wait_seconds(1, 0, 3.0, chance=lambda: 0.0) == 3.0
    assert schedule.wait_seconds(1, 0, 3.0, chance=lambda: 1.0) == 3.5
    assert schedule.wait_seconds(1, 0, 3600.0, chance=lambda: 0.0) == 3600.0
    assert schedule.wait_seconds(1, 10.5, 3600.0, chance=lambda: 0.0) is None


@given(made=st.integers(1, 99), elapsed=st.floats(0, 1e6), chance=st.floats(0, 1), within=st.floats(0.1, 1e6))
def test_a_wait_stays_within_its_bounds(made: int, elapsed: float, chance: float, within: float) -> None:
    """Whatever the chance."""
    wait = Schedule(100, within).wait_seconds(made, elapsed, chance=lambda: chance)
    if wait is not None:
        assert 0 <= wait <= LONGEST_SECONDS
        assert elapsed + wait <= within


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", 1.5),
        ("1.", None),
        ("3, 7", 7.0),
        ("7, soon", None),
        ("nan", None),
        ("1e3", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_606_779_199.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Tuesday, 24-Nov-26 12:00:30 GMT", 30.0),
        ("Tue Nov 24 12:00:30 2026", 30.0),
        ("", None),
        ("٣", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: float | None) -> None:
    """Seconds or a date (RFC 9110), in each of its three forms; nonsense counts as absent."""
    assert retry_after_seconds({} if value is None else {"retry-after": value}, AT) == seconds


def test_a_date_of_retry_after_is_by_the_destinations_own_clock() -> None:
    """Where it tells it: ours may be hours off, and nothing is asked too early for that, or hours too late."""
    headers = {"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT", "date": "Tue, 24 Nov 2026 12:00:00 GMT"}
    for hours in (-3, 0, 3):
        assert retry_after_seconds(headers, AT + timedelta(hours=hours)) == 30


CODES = {
    ErrorCode.CREDENTIALS_REFUSED: {401, 403, 407},
    ErrorCode.DESTINATION_BUSY: {408, 425, 429, 503},
    ErrorCode.CALL_REJECTED: {*range(300, 500), 501, 505} - {401, 403, 407, 408, 425, 429},
}
AGAIN = {408, 421, 423, 425, 429, 503, 511}
HAPPENED = {302, 303}


def test_the_table_of_statuses() -> None:
    """Each that there can be: what it is called, whether a later try may succeed, whether the effect can be there."""
    for status in range(1000):
        code = next((code for code, these in CODES.items() if status in these), ErrorCode.DESTINATION_FAILED)
        failed = code is ErrorCode.DESTINATION_FAILED
        assert meaning_of(status) == StatusMeaning(
            code, again=failed or status in AGAIN, effect_possible=(failed and status != 511) or status in HAPPENED
        ), status
        repeated = meaning_of(status, repeated=True)
        if status == 409:  # the first one is at work still
            assert repeated == StatusMeaning(ErrorCode.CALL_REJECTED, again=True, effect_possible=True)
        else:
            assert repeated == meaning_of(status)
